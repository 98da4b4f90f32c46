//! What goes wrong with docker's networks, step by step and without a tracer: a test
//! makes each step when it wants it, and says what it expects to be seen.

mod isolation;
mod orphan;

use anyhow::Result;

use crate::topology::{COLLISION, COLLISION6, PC};
use crate::{Container, Docker, Service};

pub use isolation::{APPS, PUBLISHED, bystander, published_echo};
pub use orphan::{Loss, lose_state, orphaned_bridges};

/// The network that covers the PC.
pub const COLLIDING: &str = "collision";

/// Makes the network that covers the PC; nothing is in it. Returns its id.
pub fn collide(docker: &Docker) -> Result<String> {
    docker.create_network(COLLIDING, &[COLLISION])
}

/// Makes a network that covers the PC in IPv6 only. Returns its id.
pub fn collide6(docker: &Docker) -> Result<String> {
    docker.create_network(COLLIDING, &["10.201.66.0/24", COLLISION6])
}

/// Starts a container that owns the PC's address, in the network that [`collide`] makes.
/// It answers for the PC: what it knows nothing of, it resets.
pub fn usurp(docker: &Docker) -> Result<Container> {
    Service::idle("usurper")
        .network(COLLIDING)
        .ip(PC)
        .run(docker)
}
