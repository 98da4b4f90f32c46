//! What the kernel half tells of processes: signals that end them, and programs that matter when
//! they are started.

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Processes of a line of descent that a signal's record holds: itself, then its parents. A runner,
/// its user switch, two shells and a build tool may stand above a compose process.
pub const LINE: usize = 8;

/// Bytes of a command line that are kept.
pub const ARGUMENTS: usize = 256;

/// A process, as the kernel names it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Task {
    /// Process id in the initial pid namespace; 0 for none.
    pub tgid: u32,
    /// `comm` of the process' first thread, filled with NUL.
    pub comm: [u8; 16],
}

/// A signal that was delivered to a process of interest.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Signal {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub ktime_ns: u64,
    /// The sender's control group in the unified hierarchy, by its inode number; 0 if not known.
    pub sender_cgroup: u64,
    /// The target's.
    pub target_cgroup: u64,
    /// Network namespace of the target, inode number.
    pub netns: u32,
    /// Number of the signal.
    pub number: u32,
    /// `si_code`: who made the signal (`include/uapi/asm-generic/siginfo.h`).
    pub code: i32,
    /// User id of the sender.
    pub uid: u32,
    /// Who was running: the sender, unless the kernel itself sent the signal; then its parents.
    pub sender: [Task; LINE],
    /// Who got it, then its parents.
    pub target: [Task; LINE],
    /// [`crate::Hook`] as integer.
    pub hook: u8,
    /// [`signal_flags`].
    pub flags: u8,
    /// Keeps the layout free of implicit padding.
    pub reserved: [u8; 6],
}

/// Bits of [`Signal::flags`].
pub mod signal_flags {
    /// The sender was about to end: its end is the signal's cause.
    pub const SENDER_ENDS: u8 = 1;
}

/// A program of interest was started.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Exec {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub ktime_ns: u64,
    /// Who it is.
    pub task: Task,
    /// Process id of the parent.
    pub parent: u32,
    /// Bytes of [`Self::arguments`] that hold.
    pub length: u32,
    /// [`crate::Hook`] as integer.
    pub hook: u8,
    /// Keeps the layout free of implicit padding.
    pub reserved: [u8; 3],
    /// The beginning of the command line, each word ended by NUL.
    pub arguments: [u8; ARGUMENTS],
}

/// The beginning of a `comm` that is looked for, as the two words a kernel compares fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    word: [u64; 2],
    mask: [u64; 2],
}

impl Name {
    /// All of the name.
    const fn whole(name: &str) -> Self {
        Self::of(name, name.len() + 1)
    }

    /// What the name begins with.
    const fn beginning(name: &str) -> Self {
        Self::of(name, name.len())
    }

    const fn of(name: &str, compared: usize) -> Self {
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        let mut at = 0;
        while at < compared && at < 16 {
            mask[at] = 0xff;
            if at < name.len() {
                word[at] = name.as_bytes()[at];
            }
            at += 1;
        }
        Self {
            word: words(&word),
            mask: words(&mask),
        }
    }

    /// Whether `comm`, as [`words`] of it, has the name.
    #[inline(always)]
    #[must_use]
    pub const fn is(&self, comm: [u64; 2]) -> bool {
        comm[0] & self.mask[0] == self.word[0] && comm[1] & self.mask[1] == self.word[1]
    }
}

/// The 16 bytes of a `comm` as two words.
#[inline(always)]
#[must_use]
pub const fn words(comm: &[u8; 16]) -> [u64; 2] {
    let (mut low, mut high) = ([0; 8], [0; 8]);
    let mut at = 0;
    while at < 8 {
        low[at] = comm[at];
        high[at] = comm[at + 8];
        at += 1;
    }
    [u64::from_ne_bytes(low), u64::from_ne_bytes(high)]
}

/// Names of processes that make, keep or order docker networks, as the kernel has them: 15 bytes at
/// most. What they really are is for userspace to find out.
pub const PROGRAMS: [Name; 12] = [
    Name::whole("docker"),
    // The standalone one may carry its platform in its name.
    Name::beginning("docker-compose"),
    Name::whole("docker-buildx"),
    Name::whole("buildx"),
    Name::whole("buildkitd"),
    Name::whole("dockerd"),
    Name::whole("containerd"),
    Name::beginning("containerd-shim"),
    Name::whole("gitlab-runner"),
    Name::whole("act_runner"),
    Name::whole("forgejo-runner"),
    // GitHub's: `Runner.Listener` and `Runner.Worker`.
    Name::beginning("Runner."),
];

/// A script may go by its interpreter's name.
pub const INTERPRETER: Name = Name::beginning("python");

/// Whether one of [`PROGRAMS`] or [`INTERPRETER`] begins with these four bytes, which stand in memory as in the word: hardly
/// any other program does.
#[inline(always)]
#[must_use]
pub const fn is_beginning(word: u32) -> bool {
    let mut is = beginning(INTERPRETER) == word;
    let mut at = 0;
    while at < PROGRAMS.len() {
        is |= beginning(PROGRAMS[at]) == word;
        at += 1;
    }
    is
}

const fn beginning(name: Name) -> u32 {
    let [a, b, c, d, ..] = name.word[0].to_ne_bytes();
    assert!(d != 0, "four letters");
    u32::from_ne_bytes([a, b, c, d])
}

/// What the command line of an interpreter holds that runs compose.
pub const SCRIPT: [u8; 7] = *b"compose";

const _: () = {
    assert!(size_of::<Task>() == 20);
    assert!(size_of::<Signal>() == 368);
    assert!(size_of::<Exec>() == 296);
    assert!(align_of::<Signal>() == 8 && align_of::<Exec>() == 8);
    // A record is told by its size.
    assert!(size_of::<Signal>() != size_of::<crate::Event>());
    assert!(size_of::<Exec>() != size_of::<crate::Event>());
    assert!(PROGRAMS[0].is(words(b"docker\0\0\0\0\0\0\0\0\0\0")));
    assert!(!PROGRAMS[0].is(words(b"docker-proxy\0\0\0\0")));
    assert!(
        is_beginning(u32::from_ne_bytes(*b"dock")) && is_beginning(u32::from_ne_bytes(*b"Runn"))
    );
    assert!(!is_beginning(u32::from_ne_bytes(*b"date")) && !is_beginning(0));
};
