//! Neighbour entries: who was asked for, and what waits for the answer.

use tracer_common::{AF_INET, AF_INET6, v4_mapped};

use super::{NetDevice, Skb, member, offsets::offset, pointer, present, probe_member};

/// Nobody has answered yet (`include/uapi/linux/neighbour.h`).
const NUD_INCOMPLETE: u8 = 0x01;
/// Nobody has answered, and nobody is asked any more.
const NUD_FAILED: u8 = 0x20;

/// `struct neighbour`.
pub(crate) struct Neighbour(pub(crate) *const u8);

impl Neighbour {
    #[inline(always)]
    pub(crate) fn device(&self) -> Option<NetDevice> {
        NetDevice::new(present(self.0, offset!(neigh_dev))?)
    }

    #[inline(always)]
    pub(crate) fn nud_state(&self) -> Option<u8> {
        present(self.0, offset!(neigh_nud_state))
    }

    /// Whether nobody has answered.
    #[inline(always)]
    pub(crate) fn is_unresolved(&self) -> Option<bool> {
        Some(self.nud_state()? & (NUD_INCOMPLETE | NUD_FAILED) != 0 || self.is_dead())
    }

    /// Whether nothing waits for an answer any more: what did was dropped.
    #[inline(always)]
    pub(crate) fn is_given_up(&self) -> Option<bool> {
        Some(self.has_failed()? || self.is_dead())
    }

    #[inline(always)]
    pub(crate) fn has_failed(&self) -> Option<bool> {
        Some(self.nud_state()? & NUD_FAILED != 0)
    }

    /// Whether the entry was thrown away, as all of a device are that loses its carrier.
    /// <https://elixir.bootlin.com/linux/v6.18/A/ident/neigh_flush_dev>
    #[inline(always)]
    fn is_dead(&self) -> bool {
        member::<u8>(self.0, offset!(neigh_dead)).is_some_and(|dead| dead != 0)
    }

    /// Address family of the table the entry lives in.
    #[inline(always)]
    fn family(&self) -> Option<i32> {
        let table = pointer(self.0, offset!(neigh_tbl))?;
        member(table, offset!(neigh_table_family))
    }

    /// The entry's address, v4-mapped. It stands in an array of no declared size at the struct's
    /// end, into which older verifiers (6.1 still) permit no load.
    /// <https://elixir.bootlin.com/linux/v6.1/A/ident/btf_struct_walk>
    #[inline(always)]
    pub(crate) fn address(&self) -> Option<[u8; 16]> {
        const IPV4: i32 = AF_INET as i32;
        const IPV6: i32 = AF_INET6 as i32;
        match self.family()? {
            IPV4 => probe_member(self.0, offset!(neigh_primary_key)).map(v4_mapped),
            IPV6 => probe_member(self.0, offset!(neigh_primary_key)),
            _ => None,
        }
    }

    /// The packet that was queued last while the neighbour did not answer. The end of an empty
    /// queue points to the queue itself.
    #[inline(always)]
    pub(crate) fn last_queued(&self) -> Option<Skb> {
        if member::<u32>(self.0, offset!(neigh_arp_queue_len))? == 0 {
            return None;
        }
        pointer(self.0, offset!(neigh_arp_queue_prev)).map(Skb)
    }
}
