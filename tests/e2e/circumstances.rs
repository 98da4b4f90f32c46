//! Bad circumstances: what cannot be traced is refused in one line, what goes wrong during a
//! run costs knowledge and never the tracing.

mod docker;
mod ends;
mod help;
mod hostile;
mod refusals;
mod scene;
