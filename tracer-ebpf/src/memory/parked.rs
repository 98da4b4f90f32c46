//! What waits on the stack while a helper runs. The JIT saves each of the registers 6 to 9 that a program uses anywhere, and
//! does so whenever the program is entered; the hooks that run for every packet keep nothing there, so that only who calls a
//! helper pays for what outlives the call.

use core::{
    mem::MaybeUninit,
    ptr::{read_volatile, write_volatile},
};

/// Room for a value that is not to be kept in a register.
pub(super) struct Parked<T>(MaybeUninit<T>);

impl<T: Copy> Parked<T> {
    /// Nothing waits there yet.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        // One instruction stores it: all else would be copied once more.
        const { assert!(size_of::<T>() <= size_of::<u64>()) };
        Self(MaybeUninit::uninit())
    }

    #[inline(always)]
    pub(super) fn put(&mut self, value: T) {
        // SAFETY: the place is there.
        unsafe { write_volatile(self.0.as_mut_ptr(), value) };
    }

    /// What was put there.
    #[inline(always)]
    pub(super) fn get(&self) -> T {
        // SAFETY: whoever asks has put it there.
        unsafe { read_volatile(self.at()) }
    }

    /// Where it waits.
    #[inline(always)]
    pub(super) const fn at(&self) -> *const T {
        self.0.as_ptr()
    }
}
