//! What the arguments ask for.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    path::PathBuf,
    str::FromStr,
    thread,
    time::Duration,
};

use actix_engineio::TransportKind;
use lexopt::{Arg, Parser, ValueExt as _};

pub(crate) const USAGE: &str = "\
swarm [OPTIONS] [URL]

    --clients N         number of clients (10,000, or 1,000 against a server of its own)
    --arbiters N        number of threads for them (one for each core)
    --transport NAME    websocket, polling or upgrade (websocket)
    --ramp N            clients that connect per second (as many as the server takes)
    --seconds N         how long they stay connected (until Ctrl-C)
    --messages N        messages per second, of all clients together (0); the server should send them back
    --bytes N           length of a message (32)
    --socketio          begin like a Socket.IO client, and send Socket.IO events
    --path PATH         path of the server (/engine.io/, or /socket.io/ with --socketio)
    --namespace NAME    Socket.IO namespace (/)
    --event NAME        name of the Socket.IO event (message)
    --shard I/N         be the I-th of N processes that share the clients and the messages, from 1/N to N/N
    --from NETWORK      use the local addresses of an IPv4 network in turn, such as 127.1.0.0/16
    --json FILE         write the report as JSON too, `-` for the standard output

Without a URL it starts a server of its own, which sends everything back.";

/// The arguments.
#[derive(Debug)]
pub(crate) struct Options {
    /// The number of clients of all shards.
    pub(crate) clients: Option<u32>,
    pub(crate) arbiters: usize,
    pub(crate) transports: Vec<TransportKind>,
    /// Connects per second, of this process.
    pub(crate) ramp: Option<NonZeroU32>,
    pub(crate) stay: Option<Duration>,
    /// Messages per second, of all shards.
    pub(crate) messages: u32,
    pub(crate) bytes: usize,
    pub(crate) socketio: bool,
    pub(crate) path: Option<String>,
    pub(crate) namespace: String,
    pub(crate) event: String,
    pub(crate) shard: Shard,
    pub(crate) from: Option<Network>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) url: Option<String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: Parser) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("clients") => options.clients = Some(arguments.value()?.parse()?),
                Arg::Long("arbiters") => options.arbiters = arguments.value()?.parse::<usize>()?.max(1),
                Arg::Long("transport") => options.transports = transports(&arguments.value()?.string()?)?,
                Arg::Long("ramp") => options.ramp = Some(arguments.value()?.parse()?),
                Arg::Long("seconds") => options.stay = Some(Duration::from_secs(arguments.value()?.parse()?)),
                Arg::Long("messages") => options.messages = arguments.value()?.parse()?,
                Arg::Long("bytes") => options.bytes = arguments.value()?.parse()?,
                Arg::Long("socketio") => options.socketio = true,
                Arg::Long("path") => options.path = Some(arguments.value()?.string()?),
                Arg::Long("namespace") => options.namespace = arguments.value()?.string()?,
                Arg::Long("event") => options.event = arguments.value()?.string()?,
                Arg::Long("shard") => options.shard = arguments.value()?.parse()?,
                Arg::Long("from") => options.from = Some(arguments.value()?.parse()?),
                Arg::Long("json") => options.json = Some(arguments.value()?.into()),
                Arg::Value(url) if options.url.is_none() => options.url = Some(url.string()?),
                other => return Err(format!("{}; --help lists the options", other.unexpected()).into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(if self.socketio { "/socket.io/" } else { "/engine.io/" })
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clients: None,
            arbiters: thread::available_parallelism().map_or(1, usize::from),
            transports: vec![TransportKind::WebSocket],
            ramp: None,
            stay: None,
            messages: 0,
            bytes: 32,
            socketio: false,
            path: None,
            namespace: "/".to_owned(),
            event: "message".to_owned(),
            shard: Shard { number: 0, of: 1 },
            from: None,
            json: None,
            url: None,
        }
    }
}

fn transports(name: &str) -> Result<Vec<TransportKind>, Box<dyn Error>> {
    match name {
        "upgrade" => Ok(vec![TransportKind::Polling, TransportKind::WebSocket]),
        name => Ok(vec![name.parse()?]),
    }
}

/// One of several processes that share a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Counted from 0.
    number: u32,
    of: u32,
}

impl Shard {
    /// The part of `load` that is this shard's. The parts of all shards are the whole, and differ by 1 at most.
    pub(crate) fn part(self, load: u32) -> u32 {
        load / self.of + u32::from(self.number < load % self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `1/3`, the first of three.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number: number - 1, of }),
            _ => Err(format!("{text:?} is not a shard such as 1/3")),
        }
    }
}

/// A network of IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    first: u32,
    /// The number of addresses between the network's own and its broadcast address.
    hosts: u32,
}

impl Network {
    /// The address of the client with this number. They take turns.
    pub(crate) fn address(self, client: u32) -> IpAddr {
        Ipv4Addr::from(self.first + 1 + client % self.hosts).into()
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.0/24`. The bits behind the prefix do not count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(address, prefix)| {
            Some((address.parse::<Ipv4Addr>().ok()?, prefix.parse::<u32>().ok()?))
        });
        match parts {
            Some((address, prefix @ 1..=30)) => {
                let size = 1 << (32 - prefix);
                Ok(Self { first: u32::from(address) & !(size - 1), hosts: size - 2 })
            }
            _ => Err(format!("{text:?} is not a network such as 127.1.0.0/16")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_shards_are_the_whole() {
        for (load, of) in [(0, 1), (10, 1), (10, 3), (2, 3), (100_000, 7)] {
            let parts: Vec<_> = (1..=of)
                .map(|number| format!("{number}/{of}").parse::<Shard>().unwrap().part(load))
                .collect();
            assert_eq!(parts.iter().sum::<u32>(), load);
            assert!(parts.iter().max().unwrap() - parts.iter().min().unwrap() <= 1, "{parts:?}");
        }
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn clients_use_the_addresses_of_a_network_in_turn() {
        let network: Network = "10.1.2.3/30".parse().unwrap();
        let addresses: Vec<_> = (0..3).map(|client| network.address(client).to_string()).collect();
        assert_eq!(addresses, ["10.1.2.1", "10.1.2.2", "10.1.2.1"]);
        for text in ["", "10.0.0.0", "10.0.0.0/0", "10.0.0.0/31", "::1/64", "10.0.0/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn arguments_are_read_and_others_refused() {
        let parse = |arguments: &[&str]| Options::parse(Parser::from_args(arguments));
        let options = parse(&["--clients", "7", "--shard", "2/2", "http://localhost", "--socketio"]).unwrap();
        assert_eq!((options.clients, options.shard.part(7)), (Some(7), 3));
        assert!(options.socketio && options.url.as_deref() == Some("http://localhost"));
        for arguments in
            [["--ramp", "0"], ["--transport", "pigeon"], ["http://a", "http://b"], ["--clients", "-1"]]
        {
            parse(&arguments).unwrap_err();
        }
    }
}
