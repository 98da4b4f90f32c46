//! A row of the table: what was measured, what it should be, what it is.

use serde_json::{Value, json};

/// Whether a target was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was.
    Met,
    /// It was not.
    Short,
    /// There is none: the figure is there to be compared with others.
    None,
}

impl Verdict {
    /// As the table and the file say it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Met => "ok",
            Self::Short => "SHORT",
            Self::None => "",
        }
    }
}

/// One figure and its target.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    /// In words: `<= 5 ns`. Empty where there is none.
    pub(super) target: String,
    /// With its unit and its spread.
    pub(super) measured: String,
    /// To the peer or to the empty program, where there is one.
    pub(super) ratio: Option<f64>,
    pub(super) verdict: Verdict,
    /// Sentences below the row: how it was measured, which peers, which versions.
    pub(super) notes: Vec<String>,
    /// Every figure behind it, for the file.
    pub(super) raw: Value,
}

impl Row {
    /// A row without a target, yet.
    pub(super) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            target: String::new(),
            measured: measured.into(),
            ratio: None,
            verdict: Verdict::None,
            notes: Vec::new(),
            raw: Value::Null,
        }
    }

    /// A row that stands for those that could not be measured: a target that was not met.
    pub(super) fn unmeasured(maker: &str, error: &anyhow::Error) -> Self {
        Self::new(maker, "not measured")
            .target("", false)
            .note(format!("{error:#}"))
    }

    /// What it should be, and whether it is.
    pub(super) fn target(mut self, target: impl Into<String>, met: bool) -> Self {
        self.target = target.into();
        self.verdict = if met { Verdict::Met } else { Verdict::Short };
        self
    }

    /// The figure as a ratio to a peer's, or to that of an empty program.
    pub(super) fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = Some(ratio);
        self
    }

    /// A sentence to go below the row.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The figures behind it.
    pub(super) fn raw(mut self, raw: Value) -> Self {
        self.raw = raw;
        self
    }

    /// In a line, for whoever waits for the table.
    pub(super) fn brief(&self) -> String {
        let parts = [&self.what, &self.measured, self.verdict.word()];
        parts.join("  ").trim_end().to_owned()
    }

    /// Everything, for the file.
    pub(super) fn json(&self) -> Value {
        json!({"what": self.what, "target": self.target, "measured": self.measured,
               "ratio": self.ratio, "verdict": self.verdict.word(), "notes": self.notes,
               "raw": self.raw})
    }
}
