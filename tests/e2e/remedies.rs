//! Every command bridgetrace prints is executed here, by dash and by bash: it must end the
//! outage, and its undo must bring it back.

mod hostile;
mod networks;
mod pools;
mod routes;
mod stage;
