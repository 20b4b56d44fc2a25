use super::*;

fn server(host: &str, scheme: &'static str) -> Rc<Server> {
    Server::shared(&Destination::new(host, 7, scheme == "https"), scheme).unwrap()
}

#[test]
fn connections_to_one_server_share_its_uri() {
    let one = server("example.org", "http");
    assert!(Rc::ptr_eq(&one, &server("example.org", "http")));
    assert!(!Rc::ptr_eq(&one, &server("example.org", "https")));
    assert!(!Rc::ptr_eq(&one, &server("example.com", "http")));
    assert_eq!(one.uri(), "http://example.org:7/");
    assert_eq!(server("::1", "https").uri(), "https://[::1]:7/");
}

#[test]
fn a_host_that_cannot_be_in_a_uri_is_unsupported() {
    let destination = Destination::new("a{b", 7, false);
    assert!(matches!(Server::shared(&destination, "http"), Err(TransportError::Unsupported(_))));
}
