//! Requests, traced or not, as the Logs show them: one [`row::RequestRow`] each.

pub mod row;
