//! History as it is kept and asked for: both homes, real judges of what is written, faults, a kill in mid-write, a full disk, backups.

mod backup;
mod embedded;
mod equal;
mod flux;
mod front;
mod judges;
mod model;
mod outage;
mod samples;
