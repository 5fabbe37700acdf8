//! Where spans of apps come in: receivers that listen, and those that could not. A port that is taken already is warned
//! about and shown, and everything else goes on: often another collector listens there.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::Uri;
use tracing::{info, warn};

use crate::{
    config::model::{AdminAddress, Config, Export},
    trace::{
        collector::Intake,
        receive::{Protocol, Receiver, ReceiverHandle, ReceiverTerms, SpansTo},
    },
};

/// All receivers.
#[derive(Debug, Default)]
pub(super) struct Receivers {
    handles: Vec<ReceiverHandle>,
    /// How each of them fares.
    pub(super) status: Vec<ReceiverStatus>,
    /// What started processes are told.
    pub(super) told: SpansTo,
}

/// How a receiver fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverStatus {
    /// `http` or `grpc`.
    pub protocol: &'static str,
    /// Where it listens, or was meant to.
    pub address: SocketAddr,
    /// Why it does not listen; `None`: it does.
    pub fault: Option<String>,
}

impl Receivers {
    /// Opens what is configured; what comes in goes to `intake`.
    pub(super) async fn open(config: &Config, intake: &Intake) -> Self {
        let mut receivers = Self::default();
        let receive = &config.receive;
        receivers.told.token.clone_from(&receive.token);
        for (protocol, name, wished) in [(Protocol::Http, "http", receive.http), (Protocol::Grpc, "grpc", receive.grpc)]
        {
            let Some(wished) = wished else { continue };
            let status = match receivers.listen(config, protocol, wished, intake).await {
                Ok(address) => {
                    info!(%address, protocol = name, "receiving spans");
                    let reached = Some(SocketAddr::new(reachable(address.ip()), address.port()));
                    match protocol {
                        Protocol::Http => receivers.told.http = reached,
                        Protocol::Grpc => receivers.told.grpc = reached,
                    }
                    ReceiverStatus { protocol: name, address, fault: None }
                }
                Err(fault) => {
                    warn!(address = %wished, protocol = name, fault, "spans of apps cannot be received here");
                    ReceiverStatus { protocol: name, address: wished, fault: Some(fault) }
                }
            };
            receivers.status.push(status);
        }
        receivers
    }

    async fn listen(
        &mut self,
        config: &Config,
        protocol: Protocol,
        address: SocketAddr,
        intake: &Intake,
    ) -> Result<SocketAddr, String> {
        if let Some(export) = config.exports.iter().find(|export| leads_to(&export.endpoint, address)) {
            // Spans would come back here, and go round for ever.
            return Err(format!("the back end {:?} is expected at this address", export.name));
        }
        let bound = Receiver::bind(address, protocol, ReceiverTerms::of(&config.receive)).await;
        let receiver = bound.map_err(|error| error.to_string())?;
        let address = receiver.address().map_err(|error| error.to_string())?;
        self.handles.push(receiver.serve(intake.clone()));
        Ok(address)
    }

    /// Takes no new connections, and lets messages being read finish.
    pub(super) async fn shutdown(self, within: Duration) {
        for receiver in self.handles {
            receiver.shutdown(within).await;
        }
    }
}

/// Back ends that are Waylight itself, wherever they were named: a file, a command line, the `OTEL_*` variables.
pub(super) fn own_back_ends(config: &Config) -> Vec<String> {
    let admin = match config.admin.as_ref().map(|admin| &admin.address) {
        Some(AdminAddress::Tcp(address)) => Some((*address, "the admin listener")),
        _ => None,
    };
    let listeners = config.listeners.iter().map(|listener| (listener.address, "a listener of Waylight itself"));
    let own: Vec<_> = admin.into_iter().chain(listeners).collect();
    let is_own = |export: &Export| own.iter().find(|(address, _)| leads_to(&export.endpoint, *address));
    let told = |export: &Export| Some((export.name.clone(), is_own(export)?.1));
    let told = config.exports.iter().filter_map(told);
    told.map(|(name, what)| format!("the back end `{name}` is {what}: it takes no spans there")).collect()
}

/// Where a process of this machine reaches `address`.
fn reachable(address: IpAddr) -> IpAddr {
    if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address }
}

/// Whether a back end's URL leads to our own socket.
fn leads_to(endpoint: &Uri, own: SocketAddr) -> bool {
    let default = if endpoint.scheme_str() == Some("https") { 443 } else { 80 };
    if own.port() == 0 || endpoint.port_u16().unwrap_or(default) != own.port() {
        return false;
    }
    let host = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    match host.parse::<IpAddr>() {
        Ok(address) => address == own.ip() || (local(address) && local(own.ip())),
        Err(_) => host == "localhost" && local(own.ip()),
    }
}

#[cfg(test)]
mod tests;
