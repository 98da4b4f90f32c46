//! The least that each hook has to look at to know whether it is concerned: loads at offsets that are constants; what
//! decides nothing is not looked at further, as the macro throws results away. Of a lookup into a bridge it also has to leave
//! behind what other hooks are asked for, and when that was, in one place of this CPU; and of
//! this host's own packet to know whether its remote came in elsewhere: one look into a table.

use core::{
    mem::MaybeUninit,
    ptr::{addr_of, read_volatile, write_volatile},
};

use aya_ebpf::{
    helpers::generated::{bpf_get_smp_processor_id, bpf_jiffies64},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{PREFIX_WORDS, PrefixBit, is_beginning, prefix4, prefix6};

use crate::kernel::{at, follow, is_bridge, load};

const NUD_INCOMPLETE: u8 = 0x01;
const NUD_FAILED: u8 = 0x20;

const LOOPBACK_IFINDEX: u32 = 1;
/// The network of the benchmark's container (`hooks/scene.rs`): only its packets are to be remembered.
const NETWORK: [u8; 4] = [10, 202, 0, 0];

/// Which addresses may be a bridge's; for both families.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.prefixes")]
static mut PREFIXES: [u64; PREFIX_WORDS as usize] = {
    let (mut words, bit) = ([0; PREFIX_WORDS as usize], prefix4(NETWORK));
    words[bit.word() as usize] = bit.mask();
    words
};

const PLACES: usize = 2048;

/// CPUs that have a place for their last lookup: what another CPU does meanwhile must not be mixed into it.
const CPUS: usize = 896;

/// The last lookup into a bridge, by CPU. In a global: finding a value of a per-CPU map takes more loads.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.kept4")]
static mut KEPT4: MaybeUninit<[Kept<u32>; CPUS]> = MaybeUninit::zeroed();

/// The same over IPv6.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.kept6")]
static mut KEPT6: MaybeUninit<[Kept<[u32; 4]>; CPUS]> = MaybeUninit::zeroed();

#[repr(C)]
struct Kept<Remote> {
    jiffies: u64,
    device: u64,
    remote: Remote,
    mark: u32,
    oif: u32,
    /// No two CPUs write to one line of the cache.
    _apart: [u64; 8],
}

/// Stores what nobody reads.
macro_rules! keep {
    ($kept:ident.$member:ident $([$at:expr])?, $value:expr) => {
        // SAFETY: within the global, as the number of the CPU was bounded.
        unsafe { write_volatile(&raw mut (*$kept).$member $([$at])?, $value) }
    };
}

/// Who came in where: nobody yet. Small enough to be allocated in one piece, which large pages map.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.ways")]
static mut WAYS: [u64; PLACES] = [0; PLACES];

/// All concern somebody.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.reasons")]
static mut REASONS: [u8; 256] = [1; 256];

/// When a reply last went astray: none does.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.astray")]
static mut ASTRAY: u64 = 0;

#[btf_tracepoint(function = "fib_table_lookup")]
pub(crate) fn least_lookup(ctx: BtfTracePointContext) -> i32 {
    let _ = lookup(&ctx);
    0
}

#[inline(always)]
fn lookup(ctx: &BtfTracePointContext) -> Option<()> {
    if ctx.arg::<u64>(3) != 0 {
        return None;
    }
    let (flow, nexthop) = (ctx.arg::<*const u8>(1), ctx.arg::<*const u8>(2));
    let device = follow(nexthop, at!("fib_nh_common.nhc_dev"))?;
    let iif = load::<u32>(flow, at!("flowi4.__fl_common.flowic_iif"))?;
    if iif > LOOPBACK_IFINDEX {
        let source = load::<u32>(flow, at!("flowi4.saddr"))?;
        if is_set(prefix4(source.to_ne_bytes())) {
            net(device)?;
        }
    }
    if iif == 0 || !is_bridge(device) {
        return None;
    }
    keep4(ctx)
}

/// After the helpers all is read anew: what else outlives them takes a register that is saved whenever the hook runs.
#[inline(always)]
fn keep4(ctx: &BtfTracePointContext) -> Option<()> {
    let mut place = MaybeUninit::uninit();
    let now = park(&mut place);
    let kept = of_this_cpu((&raw mut KEPT4).cast::<Kept<u32>>())?;
    let flow: *const u8 = ctx.arg(1);
    let device = follow(ctx.arg(2), at!("fib_nh_common.nhc_dev"))?;
    let remote = load::<u32>(flow, at!("flowi4.daddr"))?;
    keep!(kept.remote, remote);
    keep(kept, flow, device, now, || Some(remote))
}

#[btf_tracepoint(function = "fib6_table_lookup")]
pub(crate) fn least_lookup6(ctx: BtfTracePointContext) -> i32 {
    lookup6(&ctx).unwrap_or(0)
}

/// A packet from inside a bridge's subnet is left at once: no stimulus makes one.
#[inline(always)]
fn lookup6(ctx: &BtfTracePointContext) -> Option<i32> {
    let flow: *const u8 = ctx.arg(3);
    let iif = load::<u32>(flow, at!("flowi6.__fl_common.flowic_iif"))?;
    if iif > LOOPBACK_IFINDEX {
        let [a, b, c, d] = load::<u32>(flow, at!("flowi6.saddr"))?.to_ne_bytes();
        if is_set(prefix6([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])) {
            return Some(1);
        }
    }
    let nexthop = follow(ctx.arg(1), at!("fib6_result.nh"))?;
    let device = follow(nexthop, at!("fib6_nh.nh_common.nhc_dev"))?;
    if iif == 0 || !is_bridge(device) {
        return None;
    }
    keep6(ctx)?;
    Some(1)
}

/// As [`keep4`].
#[inline(always)]
fn keep6(ctx: &BtfTracePointContext) -> Option<()> {
    let mut place = MaybeUninit::uninit();
    let now = park(&mut place);
    let kept = of_this_cpu((&raw mut KEPT6).cast::<Kept<[u32; 4]>>())?;
    let flow: *const u8 = ctx.arg(3);
    let nexthop = follow(ctx.arg(1), at!("fib6_result.nh"))?;
    let device = follow(nexthop, at!("fib6_nh.nh_common.nhc_dev"))?;
    for word in 0..4 {
        let remote = load::<u32>(flow, at!("flowi6.daddr") + 4 * word)?;
        keep!(kept.remote[word], remote);
    }
    keep(kept, flow, device, now, || {
        load(flow, at!("flowi6.daddr") + 12)
    })
}

/// What both families have: `struct flowi_common` begins either flow. `last` is the last word of the remote's address.
#[inline(always)]
fn keep<Remote>(
    kept: *mut Kept<Remote>,
    flow: *const u8,
    device: *const u8,
    now: *const u64,
    last: impl Fn() -> Option<u32>,
) -> Option<()> {
    keep!(kept.device, device as u64);
    keep!(
        kept.mark,
        load(flow, at!("flowi4.__fl_common.flowic_mark"))?
    );
    keep!(kept.oif, load(flow, at!("flowi4.__fl_common.flowic_oif"))?);
    keep!(kept.jiffies, read_volatile(now));
    let iif = load::<u32>(flow, at!("flowi4.__fl_common.flowic_iif"))?;
    if iif == LOOPBACK_IFINDEX && load::<u8>(flow, at!("flowi4.__fl_common.flowic_proto"))? != 0 {
        look_up(net(device)?, last()?);
    }
    Some(())
}

#[btf_tracepoint(function = "kfree_skb")]
pub(crate) fn least_drop(ctx: BtfTracePointContext) -> i32 {
    dropped(&ctx).unwrap_or(0)
}

/// What a firewall refuses is of interest if it is passed on.
#[inline(always)]
fn dropped(ctx: &BtfTracePointContext) -> Option<i32> {
    let reason: u32 = ctx.arg(2);
    if reason > 255 {
        return None;
    }
    // SAFETY: the index was bounded above.
    let reason = unsafe { read_volatile(addr_of!(REASONS).cast::<u8>().add(reason as usize)) };
    if reason == 0 {
        return None;
    }
    load::<i32>(ctx.arg(0), at!("sk_buff.skb_iif"))
}

#[btf_tracepoint(function = "neigh_event_send_done")]
pub(crate) fn least_send(ctx: BtfTracePointContext) -> i32 {
    if ctx.arg::<i32>(1) == 0 {
        return 0;
    }
    on_bridge(&ctx, NUD_INCOMPLETE | NUD_FAILED).unwrap_or(0)
}

#[btf_tracepoint(function = "neigh_timer_handler")]
pub(crate) fn least_timer(ctx: BtfTracePointContext) -> i32 {
    on_bridge(&ctx, NUD_FAILED).unwrap_or(0)
}

/// Whether a neighbour is in one of `states`, on a bridge.
#[inline(always)]
fn on_bridge(ctx: &BtfTracePointContext, states: u8) -> Option<i32> {
    let neighbour: *const u8 = ctx.arg(0);
    if load::<u8>(neighbour, at!("neighbour.nud_state"))? & states == 0 {
        return None;
    }
    Some(is_bridge(follow(neighbour, at!("neighbour.dev"))?).into())
}

#[btf_tracepoint(function = "tcp_receive_reset")]
pub(crate) fn least_reset(_: BtfTracePointContext) -> i32 {
    // SAFETY: an aligned word.
    (unsafe { read_volatile(&raw const ASTRAY) } != 0).into()
}

#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn least_exec(ctx: BtfTracePointContext) -> i32 {
    exec(&ctx).unwrap_or(0)
}

/// Whether one of the programs may start that are looked for.
#[inline(always)]
fn exec(ctx: &BtfTracePointContext) -> Option<i32> {
    let beginning = load::<u32>(ctx.arg(0), at!("task_struct.comm"))?;
    Some(is_beginning(beginning).into())
}

/// Leaves the time on the stack.
#[inline(always)]
fn park(place: &mut MaybeUninit<u64>) -> *const u64 {
    // SAFETY: no arguments, no preconditions; the place is there.
    unsafe { write_volatile(place.as_mut_ptr(), bpf_jiffies64()) };
    place.as_ptr()
}

#[inline(always)]
fn of_this_cpu<T>(all: *mut T) -> Option<*mut T> {
    // SAFETY: no arguments, no preconditions; the JIT turns it into one load.
    let cpu = unsafe { bpf_get_smp_processor_id() } as usize;
    // SAFETY: there are as many.
    (cpu < CPUS).then(|| unsafe { all.add(cpu) })
}

/// Looks whether the remote came in elsewhere. A `struct net` takes pages: its low bits tell nothing.
#[inline(always)]
fn look_up(net: u32, remote: u32) {
    let place = (net >> 12 ^ u32::from_be(remote)) as usize % PLACES;
    // SAFETY: the index was bounded.
    let _ = unsafe { read_volatile(addr_of!(WAYS).cast::<u64>().add(place)) };
}

/// What tells the namespace of a device.
#[inline(always)]
fn net(device: *const u8) -> Option<u32> {
    // Of the address, which the verifier takes for no number, how far away it is.
    let net = follow(device, at!("net_device.nd_net.net"))?;
    Some((net as u64).wrapping_sub(addr_of!(PREFIXES) as u64) as u32)
}

#[inline(always)]
fn is_set(bit: PrefixBit) -> bool {
    // SAFETY: there are more words than a bit's may be.
    let word = unsafe { read_volatile(addr_of!(PREFIXES).cast::<u64>().add(bit.word() as usize)) };
    word & bit.mask() != 0
}
