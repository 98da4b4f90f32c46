//! Reads a whole hash map in a few system calls (Linux 5.6), where entry by entry it takes two each: in a flood there
//! are tens of thousands, and they are read each second.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr,
};

use nix::{errno::Errno, libc};
use zerocopy::FromBytes;

/// `BPF_MAP_LOOKUP_BATCH` (`include/uapi/linux/bpf.h`).
const LOOKUP_BATCH: libc::c_int = 24;
/// Entries at a time: more than any bucket holds, or the kernel refuses.
const ENTRIES: u32 = 4096;

/// The part of `union bpf_attr` for batches, same place.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Every entry of the map, which may change meanwhile: what comes or goes then may be missing.
///
/// # Safety
///
/// The map's keys and values are as large as `K` and `V`.
pub(super) unsafe fn entries<K, V>(map: BorrowedFd<'_>) -> io::Result<Vec<(K, V)>>
where
    K: FromBytes + Copy + Default,
    V: FromBytes + Copy + Default,
{
    let (mut keys, mut values) = (
        vec![K::default(); ENTRIES as usize],
        vec![V::default(); ENTRIES as usize],
    );
    let mut all = Vec::new();
    // Where the kernel goes on, known to it alone; none to begin with.
    let mut place = None;
    loop {
        let mut next = 0_u32;
        let mut attributes = Attributes {
            in_batch: place.as_ref().map_or(0, address),
            out_batch: ptr::from_mut(&mut next) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: ENTRIES,
            map_fd: map.as_raw_fd().cast_unsigned(),
            ..Attributes::default()
        };
        // SAFETY: the kernel writes no more than `count` keys and values, and one word where it goes on; all live.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                LOOKUP_BATCH,
                ptr::from_mut(&mut attributes),
                size_of::<Attributes>(),
            )
        };
        let at_the_end = match Errno::result(result) {
            // A bucket that is being written to on this CPU ends a batch early.
            Ok(_) | Err(Errno::EBUSY) => false,
            Err(Errno::ENOENT) => true,
            Err(error) => return Err(error.into()),
        };
        let read = attributes.count.min(ENTRIES) as usize;
        let pairs = keys.iter().zip(&values).take(read);
        all.extend(pairs.map(|(key, value)| (*key, *value)));
        if at_the_end {
            return Ok(all);
        }
        place = Some(next);
    }
}

fn address(place: &u32) -> u64 {
    ptr::from_ref(place) as u64
}
