//! nginx, HAProxy and Apache in front of servers, each unprivileged and with a configuration of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    install,
    server::{Process, free_port},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    Nginx,
    HaProxy,
    Apache,
}

/// The configuration of a proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether WebSocket is configured. HAProxy needs no configuration for it, and Apache always gets it.
    pub(crate) websocket: bool,
    /// Seconds without bytes after which a connection is closed.
    pub(crate) idle: u64,
    /// Milliseconds for which a connection waits for the next request.
    pub(crate) keep_alive: u64,
}

impl Rules {
    pub(crate) const USUAL: Self = Self { websocket: true, idle: 60, keep_alive: 60_000 };
}

/// A running proxy. It ends when this is dropped.
pub(crate) struct Proxy {
    port: u16,
    folder: PathBuf,
    _process: Process,
}

impl Proxy {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Front {
    pub(crate) const ALL: [Self; 3] = [Self::Nginx, Self::HaProxy, Self::Apache];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::HaProxy => "HAProxy",
            Self::Apache => "Apache",
        }
    }

    fn program(self) -> install::Found {
        match self {
            Self::Nginx => install::program("nginx", "nginx"),
            Self::HaProxy => install::program("haproxy", "haproxy"),
            Self::Apache => install::program("apache2", "apache2"),
        }
    }

    pub(crate) fn missing(self) -> Option<String> {
        self.program().err()
    }

    /// Starts it in front of the servers on these ports. A cookie names the server of a client.
    pub(crate) fn start(self, servers: &[u16], rules: Rules) -> Proxy {
        let program = self.program().expect("it was looked for");
        // It cannot choose a port itself, and another process may take the one that was free.
        (0..5).find_map(|_| self.try_start(&program, servers, rules)).expect("a proxy on a free port")
    }

    fn try_start(self, program: &Path, servers: &[u16], rules: Rules) -> Option<Proxy> {
        let port = free_port();
        let folder = install::folder(&format!("{}-{port}", self.name()));
        let file = folder.join("configuration");
        let mut command = Command::new(program);
        let configuration = match self {
            Self::Nginx => {
                // The log before it has read its configuration.
                command.args(["-e", "stderr", "-p"]).arg(&folder).arg("-c").arg(&file);
                nginx(port, servers, rules)
            }
            Self::HaProxy => {
                command.arg("-db").arg("-f").arg(&file);
                haproxy(port, servers, rules)
            }
            Self::Apache => {
                // One process, which ends when it is killed.
                command.args(["-X", "-f"]).arg(&file);
                apache(&folder, port, servers, rules)
            }
        };
        fs::write(&file, configuration).expect("the target folder can be written to");
        let mut process = Process::start(&mut command);
        process.listens_on(port).then(|| Proxy { port, folder, _process: process })
    }
}

fn nginx(port: u16, servers: &[u16], Rules { websocket, idle, keep_alive }: Rules) -> String {
    let upstreams: String = servers
        .iter()
        .map(|port| format!("upstream server{port} {{ server 127.0.0.1:{port}; }}\n"))
        .collect();
    let sticky: String = servers.iter().map(|port| format!("server{port} server{port}; ")).collect();
    let (first, last) = (servers[0], servers[servers.len() - 1]);
    let headers = if websocket {
        "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;"
    } else {
        ""
    };
    format!(
        r#"
daemon off;
master_process off;
pid pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 16m;
    keepalive_timeout {keep_alive}ms;
    {upstreams}
    split_clients $request_id $any {{ 50% server{first}; * server{last}; }}
    map $cookie_route $chosen {{ {sticky} default $any; }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://$chosen;
            proxy_http_version 1.1;
            proxy_read_timeout {idle}s;
            proxy_set_header Host $http_host;
            {headers}
            add_header Set-Cookie "route=$chosen; Path=/; HttpOnly" always;
        }}
    }}
}}
"#
    )
}

fn haproxy(port: u16, servers: &[u16], Rules { idle, keep_alive, .. }: Rules) -> String {
    let servers: String =
        servers.iter().map(|port| format!("    server s{port} 127.0.0.1:{port} cookie s{port}\n")).collect();
    format!(
        "
defaults
    mode http
    timeout connect 5s
    timeout client {idle}s
    timeout server {idle}s
    timeout tunnel {idle}s
    timeout http-keep-alive {keep_alive}ms
listen engineio
    bind 127.0.0.1:{port}
    balance roundrobin
    cookie SERVERID insert indirect nocache
{servers}"
    )
}

fn apache(folder: &Path, port: u16, servers: &[u16], Rules { idle, keep_alive, .. }: Rules) -> String {
    const MODULES: [&str; 9] = [
        "mpm_event",
        "authz_core",
        "headers",
        "slotmem_shm",
        "proxy",
        "proxy_http",
        "proxy_wstunnel",
        "proxy_balancer",
        "lbmethod_byrequests",
    ];
    let folder = folder.display();
    let modules: String = MODULES
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let members: String = servers
        .iter()
        .map(|port| {
            format!("    BalancerMember http://127.0.0.1:{port} route=s{port} retry=0 upgrade=websocket\n")
        })
        .collect();
    format!(
        r#"
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
{modules}
ThreadsPerChild 64
Timeout {idle}
ProxyTimeout {idle}
KeepAlive On
KeepAliveTimeout {keep_alive}ms
MaxKeepAliveRequests 0
<Proxy balancer://servers>
{members}    ProxySet stickysession=ROUTE
</Proxy>
ProxyPass / balancer://servers/
Header add Set-Cookie "ROUTE=.%{{BALANCER_WORKER_ROUTE}}e; path=/" env=BALANCER_ROUTE_CHANGED
"#
    )
}
