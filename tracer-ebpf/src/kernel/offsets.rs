//! Where the running kernel has the members that are read: operands of instructions, which userspace fills in before it
//! loads the programs ([`Placeholder`]). A table of constants would be as good for the verifier, but each offset takes a load
//! then, from a cache line that nobody else uses, and the sum of base and offset two more instructions.

use core::arch::asm;

use tracer_common::Placeholder;

/// A member of [`tracer_common::KernelOffsets`].
pub(super) trait Offset: Copy {
    /// Where in that the member begins.
    const AT: usize;

    /// Bytes from the beginning of the structure; [`ABSENT`] if it has no such member.
    #[inline(always)]
    fn value(self) -> usize {
        let value: usize;
        // SAFETY: sets a register and nothing else.
        unsafe {
            asm!("{} = {}", out(reg) value, const Placeholder::value(Self::AT),
                 options(pure, nomem, nostack, preserves_flags));
        }
        value
    }

    #[inline(always)]
    fn is_absent(self) -> bool {
        self.value() == ABSENT
    }
}

/// [`tracer_common::ABSENT`], as it is in a register.
const ABSENT: usize = usize::MAX;

/// The member that begins at byte `AT` of [`tracer_common::KernelOffsets`].
#[derive(Clone, Copy)]
pub(super) struct At<const AT: usize>;

impl<const AT: usize> Offset for At<AT> {
    const AT: usize = AT;
}

/// The offset of a member, by its name in [`tracer_common::KernelOffsets`].
macro_rules! offset {
    ($field:ident) => {
        $crate::kernel::offsets::At::<{ core::mem::offset_of!(tracer_common::KernelOffsets, $field) }>
    };
}
pub(super) use offset;

/// What a member may be: what one instruction loads.
pub(super) trait Member: Copy {
    /// Loads it from `base`, `AFTER` bytes behind the offset.
    ///
    /// # Safety
    /// `base` is a pointer of which the verifier knows the type, and that type has such a member there. A fault yields
    /// zero.
    unsafe fn load<O: Offset, const AFTER: usize>(base: *const u8, offset: O) -> Self;
}

macro_rules! impl_member {
    ($($type:ty: $load:literal in $register:ty, $known:expr;)+) => {
        $(impl Member for $type {
            #[inline(always)]
            unsafe fn load<O: Offset, const AFTER: usize>(base: *const u8, _: O) -> Self {
                let value: $register;
                let known: fn($register) -> bool = $known;
                // Not `pure`: what is read twice is meant to be, as somebody else may write in between.
                // SAFETY: as the caller says; nothing but the register changes. A load clears its upper bits, which
                // the compiler would do once more.
                unsafe {
                    asm!(concat!("{} = *(", $load, " *)({} + {})"), out(reg) value, in(reg) base,
                         const Placeholder::load(O::AT, AFTER),
                         options(readonly, nostack, preserves_flags));
                    core::hint::assert_unchecked(known(value));
                }
                value as Self
            }
        })+
    };
}

impl_member! {
    u8: "u8" in u64, |value| value <= u8::MAX as u64;
    u16: "u16" in u64, |value| value <= u16::MAX as u64;
    u32: "u32" in u64, |value| value <= u32::MAX as u64;
    i32: "u32" in u64, |value| value <= u32::MAX as u64;
    u64: "u64" in u64, |_| true;
    *const u8: "u64" in *const u8, |_| true;
}
