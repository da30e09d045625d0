//! Settings: what the operator may choose, how it is spelled, and where it comes from.
mod checks;
mod choices;
mod codec;
mod row;
mod settings;
mod values;
