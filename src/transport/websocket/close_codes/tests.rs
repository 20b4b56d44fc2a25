use super::*;

#[test]
fn a_close_frame_has_the_code_that_fits_the_end() {
    let frame = |code| Some(CloseFrame { code, reason: "bye".into() });
    let failed = |err: ProtocolError| CloseReason::Failed(err.into());
    for (reason, code) in [
        (CloseReason::Ordered, Some(1000)),
        (closed_by_server(frame(1001)), Some(1001)),
        (closed_by_server(frame(4000)), Some(4000)),
        // RFC 6455, section 7.4.1: 1005 "MUST NOT be set as a status code in a Close control frame".
        (closed_by_server(None), Some(1000)),
        (failed(ProtocolError::TooLarge { size: 2, limit: 1 }), Some(1009)),
        (failed(ProtocolError::Utf8), Some(1007)),
        (failed(ProtocolError::Frame("")), Some(1002)),
        (failed(ProtocolError::Packet("")), Some(1002)),
        (CloseReason::Failed(TransportError::eof("")), None),
    ] {
        assert_eq!(close_code(&reason), code, "{reason:?}");
    }
}

#[test]
fn a_close_frame_without_a_code_is_reported_as_1005() {
    let CloseReason::CloseFrame { code, reason } = closed_by_server(None) else { panic!("no frame") };
    assert_eq!((code, &*reason), (1005, ""));
}
