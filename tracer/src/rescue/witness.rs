//! Sees packets leave: a packet socket that takes nothing but what goes to one address by one device.

use std::{io, mem::MaybeUninit, net::IpAddr, time::Duration};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// `ETH_P_ALL` in network byte order: only those who ask for everything see what is sent.
const EVERYTHING: i32 = 0x0003_u16.to_be() as i32;
const ETH_P_IP: u32 = 0x0800;
const ETH_P_IPV6: u32 = 0x86dd;
const PACKET_OUTGOING: u32 = 4;

/// `BPF_LD | BPF_ABS` of a word, half a word and a byte; `BPF_JMP | BPF_JEQ`; `BPF_RET`
/// (<https://docs.kernel.org/networking/filter.html>).
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// `SKF_AD_OFF`: behind it lies what the kernel knows of the packet besides its bytes.
const BESIDES: u32 = 0xffff_f000;
const BESIDES_PROTOCOL: u32 = BESIDES;
const BESIDES_KIND: u32 = BESIDES + 4;
const BESIDES_DEVICE: u32 = BESIDES + 8;

/// Looks out for packets to one address that leave by one device.
pub(super) struct Witness(Socket);

impl Witness {
    /// Looks out from now on. Needs `CAP_NET_RAW`.
    pub(super) fn open(device: u32, address: IpAddr) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::PACKET,
            Type::DGRAM,
            Some(Protocol::from(EVERYTHING)),
        )?;
        socket.attach_filter(&filter(device, address))?;
        // What came in before the filter was there.
        socket.set_nonblocking(true)?;
        while socket.recv(&mut [MaybeUninit::uninit(); 1]).is_ok() {}
        socket.set_nonblocking(false)?;
        Ok(Self(socket))
    }

    /// Waits for one.
    pub(super) fn sees(&self, patience: Duration) -> io::Result<bool> {
        self.0.set_read_timeout(Some(patience))?;
        match self.0.recv(&mut [MaybeUninit::uninit(); 1]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Takes a packet if each of some values is what it should be. A packet begins with its IP header here.
fn filter(device: u32, address: IpAddr) -> Vec<SockFilter> {
    let mut wanted = vec![
        (LOAD_BYTE, BESIDES_KIND, PACKET_OUTGOING),
        (LOAD_WORD, BESIDES_DEVICE, device),
    ];
    match address {
        IpAddr::V4(ip) => {
            wanted.push((LOAD_HALF, BESIDES_PROTOCOL, ETH_P_IP));
            wanted.push((LOAD_WORD, 16, u32::from(ip)));
        }
        IpAddr::V6(ip) => {
            wanted.push((LOAD_HALF, BESIDES_PROTOCOL, ETH_P_IPV6));
            let bytes = ip.octets();
            let words = bytes.chunks_exact(4).filter_map(<[u8]>::first_chunk);
            let words = words.map(|word| u32::from_be_bytes(*word));
            wanted.extend(
                (24..)
                    .step_by(4)
                    .zip(words)
                    .map(|(at, word)| (LOAD_WORD, at, word)),
            );
        }
    }
    // From its end: whatever is not as wanted goes there, past the rest.
    let (refuse, take) = (
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    );
    let mut program = vec![refuse, take];
    for ((load, at, value), rest) in wanted.into_iter().rev().zip((1..).step_by(2)) {
        program.push(SockFilter::new(JUMP_IF_EQUAL, 0, rest, value));
        program.push(SockFilter::new(load, 0, 0, at));
    }
    program.reverse();
    program
}
