//! The outage's cousins: the same cause, a docker bridge whose route attracts what is not for it,
//! where the symptom is another one than a reply that nobody answers for.

mod amnesia;
mod ghost;
mod misdelivery;
mod retransmit;
mod reverse_path;
mod scene;
mod turns;
mod twice;
mod twice_forwarded;
