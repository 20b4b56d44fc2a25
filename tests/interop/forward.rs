//! squid and tinyproxy between the client and engine.io, with the rules that they are shipped with: they forward requests to
//! any port, and make tunnels to the ports of TLS only.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use actix_engineio::TransportError;
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::{
    install,
    peer::{Peer, Way},
    server::{Process, free_port},
    talk::Cell,
};

#[derive(Debug, Clone, Copy)]
enum Forward {
    Squid,
    Tinyproxy,
}

/// A running proxy. It ends when this is dropped.
struct Running {
    port: u16,
    folder: PathBuf,
    _process: Process,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let both = |forward: Forward| [Way::Polling, Way::Upgrade].map(|way| trial(forward, way));
    [Forward::Squid, Forward::Tinyproxy].into_iter().flat_map(both).collect()
}

fn trial(forward: Forward, way: Way) -> Trial {
    let cell = Cell { peer: Peer::EngineIo6, way, front: None };
    let what = match way {
        Way::Upgrade => "a session stays on polling where a tunnel is forbidden",
        _ => "a session polls and sends",
    };
    let name = format!("{} through {} / {} / {what}", cell.server(), forward.name(), way.name());
    match cell.missing().or_else(|| forward.program().err()) {
        None => Trial::test(name, move || {
            actix_rt::System::new().block_on(works(forward, cell));
            Ok(())
        }),
        Some(reason) => {
            let is_required = env::var_os("ENGINEIO_INTEROP").is_some_and(|value| value == "required");
            let kind = reason.clone();
            Trial::test(name, || Err(Failed::from(reason))).with_kind(kind).with_ignored_flag(!is_required)
        }
    }
}

async fn works(forward: Forward, cell: Cell) {
    let server = cell.peer.start(json!({}));
    let proxy = forward.start();
    let proxy_url = format!("http://127.0.0.1:{}", proxy.port);
    let mut talk = cell.open_with(server.url(), |builder| builder.proxy(proxy_url), |connect| connect).await;
    if cell.way == Way::Upgrade {
        let err = talk.client.upgrade_failed().await;
        assert!(matches!(err, TransportError::Proxy { status: Some(403), .. }), "{err:?}");
    }
    for _ in 0..8 {
        talk.echoes("through the proxy").await;
    }
    talk.echoes((0..=255).collect::<Vec<u8>>()).await;
    talk.disconnect().await;
}

impl Forward {
    fn name(self) -> &'static str {
        match self {
            Self::Squid => "squid",
            Self::Tinyproxy => "tinyproxy",
        }
    }

    fn program(self) -> install::Found {
        install::program(self.name(), self.name())
    }

    fn start(self) -> Running {
        // Another process may take the port that was free.
        (0..5).find_map(|_| self.try_start()).expect("a proxy on a free port")
    }

    fn try_start(self) -> Option<Running> {
        let port = free_port();
        let folder = install::folder(&format!("{}-{port}", self.name()));
        let file = folder.join("configuration");
        let mut command = Command::new(self.program().expect("it was looked for"));
        let configuration = match self {
            Self::Squid => {
                command.arg("-N").arg("-f").arg(&file);
                squid(port)
            }
            Self::Tinyproxy => {
                command.arg("-d").arg("-c").arg(&file);
                format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nConnectPort 443\nConnectPort 563\n")
            }
        };
        fs::write(&file, configuration).expect("the target folder can be written to");
        let mut process = Process::start(command.stdout(Stdio::null()));
        process.listens_on(port).then(|| Running { port, folder, _process: process })
    }
}

/// The rules are those of the file that squid brings. Everything else makes it write no files.
fn squid(port: u16) -> String {
    format!(
        "
acl SSL_ports port 443
acl Safe_ports port 80 443 1025-65535
acl CONNECT method CONNECT
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow localhost
http_access deny all
http_port 127.0.0.1:{port}
pid_filename none
cache_log /dev/null
access_log none
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
"
    )
}
