//! A nameserver, so that names are resolved over the lab's wires.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Netns;

/// How often the server looks whether it is to stop.
const PACE: Duration = Duration::from_millis(20);
/// Past the header come the labels of the name, up to an empty one.
const HEADER: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];

/// A nameserver for which every name has the same address.
pub struct NameServer {
    questions: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl NameServer {
    /// Answers on `address` in `netns`.
    pub fn start(netns: &Netns, address: SocketAddr, answer: Ipv4Addr) -> Result<Self> {
        let socket = netns
            .enter(|| UdpSocket::bind(address))?
            .with_context(|| format!("bind {address} in {}", netns.name()))?;
        socket.set_read_timeout(Some(PACE))?;
        let (questions, stop) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let shared = (Arc::clone(&questions), Arc::clone(&stop));
        let thread = netns.spawn(move || serve(&socket, answer, &shared.0, &shared.1));
        Ok(Self {
            questions,
            stop,
            thread: Some(thread),
        })
    }

    /// Questions that have arrived.
    pub fn questions(&self) -> u32 {
        self.questions.load(Ordering::Acquire)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic of the server shows as names that are not resolved.
            thread.join().ok();
        }
    }
}

fn serve(socket: &UdpSocket, answer: Ipv4Addr, questions: &AtomicU32, stop: &AtomicBool) {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::Acquire) {
        // Timeouts are there to look at `stop`.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        questions.fetch_add(1, Ordering::AcqRel);
        if let Some(reply) = reply(&buffer[..length], answer) {
            // Who asked may be gone by now.
            socket.send_to(&reply, from).ok();
        }
    }
}

/// The question with its answer behind it (RFC 1035 §4.1); none for other types than A.
fn reply(question: &[u8], answer: Ipv4Addr) -> Option<Vec<u8>> {
    let name = question.get(HEADER..)?.iter().position(|&byte| byte == 0)?;
    let end = HEADER + name + 5;
    let asked = question.get(end - 4..end - 2)?;
    let known = asked == TYPE_A;
    let mut reply = question.get(..2)?.to_vec();
    // An authoritative response; one question, perhaps one answer, nothing else.
    reply.extend([0x85, 0x80, 0, 1, 0, u8::from(known), 0, 0, 0, 0]);
    reply.extend(question.get(HEADER..end)?);
    if known {
        // The name of the question, A, IN, a minute, four bytes.
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(answer.octets());
    }
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_under_its_number() {
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02pc\x03lab\0\0\x01\0\x01";
        let reply = reply(question, Ipv4Addr::new(10, 1, 2, 3)).unwrap();
        assert_eq!(reply[..4], [0x12, 0x34, 0x85, 0x80]);
        assert_eq!(reply[HEADER..question.len()], question[HEADER..]);
        assert_eq!(reply[reply.len() - 4..], [10, 1, 2, 3]);
    }

    #[test]
    fn what_is_cut_off_is_not_answered() {
        let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02p";
        assert_eq!(reply(question, Ipv4Addr::LOCALHOST), None);
    }
}
