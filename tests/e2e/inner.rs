//! The outage is inside a container that runs a docker daemon of its own, as CI jobs do.

mod expect;
mod hung;
mod late;
mod remedies;
mod replies;
mod scene;
