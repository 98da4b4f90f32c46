//! Members of kernel structures at offsets that are constants: this is built for the kernel at hand, which a product
//! cannot be. What that saves is part of what is measured.

/// The offset of a member that `cargo xtask bench` names in an environment variable of its path.
macro_rules! at {
    ($path:literal) => {
        const {
            $crate::kernel::number(match option_env!($path) {
                Some(number) => number,
                None => panic!(concat!("built without the offset of ", $path)),
            })
        }
    };
}
pub(crate) use at;

pub(crate) const fn number(text: &str) -> usize {
    let (digits, mut at, mut number) = (text.as_bytes(), 0, 0);
    while at < digits.len() {
        assert!(digits[at].is_ascii_digit(), "not a number");
        number = number * 10 + (digits[at] - b'0') as usize;
        at += 1;
    }
    number
}

/// Loads a member; nothing where there is no `base`.
#[inline(always)]
pub(crate) fn load<T: Copy>(base: *const u8, offset: usize) -> Option<T> {
    if base.is_null() {
        return None;
    }
    // SAFETY: the verifier knows the type behind `base` and checks the access; a fault yields zero.
    Some(unsafe { core::ptr::read_volatile(base.add(offset).cast::<T>()) })
}

/// As [`load`], for a member that is a pointer.
#[inline(always)]
pub(crate) fn follow(base: *const u8, offset: usize) -> Option<*const u8> {
    load::<*const u8>(base, offset).filter(|pointer| !pointer.is_null())
}

/// `IFF_EBRIDGE` (`include/linux/netdevice.h`).
const IFF_EBRIDGE: u32 = 1 << 1;

#[inline(always)]
pub(crate) fn is_bridge(device: *const u8) -> bool {
    load::<u32>(device, at!("net_device.priv_flags")).is_some_and(|flags| flags & IFF_EBRIDGE != 0)
}
