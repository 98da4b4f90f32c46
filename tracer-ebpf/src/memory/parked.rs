//! What waits on the stack while a helper runs. The JIT saves each of the registers 6 to 9 that a program uses anywhere, and
//! does so whenever the program is entered; the lookups' hooks keep little there but the context, so that only who calls a
//! helper pays for what outlives the call.

use core::{
    mem::MaybeUninit,
    ptr::{read_volatile, write_volatile},
};

/// A value that is not kept in a register.
pub(crate) struct Parked<'a, T>(&'a MaybeUninit<T>);

impl<'a, T: Copy> Parked<'a, T> {
    /// Leaves it in `place`.
    #[inline(always)]
    pub(crate) fn new(place: &'a mut MaybeUninit<T>, value: T) -> Self {
        // SAFETY: the place is there.
        unsafe { write_volatile(place.as_mut_ptr(), value) };
        Self(place)
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> T {
        // SAFETY: written when this was made, and lent since.
        unsafe { read_volatile(self.0.as_ptr()) }
    }
}
