//! Text for a shell. Names from docker are hostile: whatever is not plain is quoted.

/// One word for every POSIX shell; `None` if the word cannot be typed as it is seen, because of
/// control characters or of some that turn or hide the text around them.
pub(crate) fn quote(word: &str) -> Option<String> {
    if word.chars().any(|c| c.is_control() || deceives(c)) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Some(word.to_owned());
    }
    Some(format!("'{}'", word.replace('\'', r"'\''")))
}

/// [`quote`] for a name that must not be taken for an option.
pub(super) fn name(word: &str) -> Option<String> {
    quote(word).filter(|_| !word.starts_with('-'))
}

/// Whether the text is plain enough for a file that is written by a here-document.
pub(super) fn plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// Line separators, marks of direction, and what has no width.
const fn deceives(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_words_stay_one_word() {
        for (word, quoted) in [
            ("XXXX-openldap_default", Some("XXXX-openldap_default")),
            ("", Some("''")),
            ("a b", Some("'a b'")),
            ("$(reboot)", Some("'$(reboot)'")),
            ("it's", Some(r"'it'\''s'")),
            ("/srv/é", Some("'/srv/é'")),
            ("a\n; reboot", None),
            ("\u{1b}[2J", None),
            ("\u{9b}2J", None),
            ("a\u{202e}b", None),
        ] {
            assert_eq!(quote(word).as_deref(), quoted);
        }
        assert_eq!(name("--help"), None);
        assert!(plain("back-end_1.0") && !plain("") && !plain("a:b") && !plain("a\nEOF"));
    }

    /// What a shell makes of the word.
    fn read_by(shell: &str, word: &str) -> String {
        let script = format!("printf %s {word}");
        let output = Command::new(shell).args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{shell} -c {script:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_shell_reads_the_word_that_was_quoted(
            word in prop_oneof![r#"[-'"$`\\!#~*?;&|<>(){} a\[\]=é]{0,12}"#, any::<String>()],
        ) {
            if let Some(quoted) = quote(&word) {
                for shell in ["sh", "bash"] {
                    prop_assert_eq!(&read_by(shell, &quoted), &word, "{} {}", shell, &quoted);
                }
            }
        }
    }
}
