use super::*;

#[test]
fn an_alert_is_final_if_the_same_handshake_is_bound_to_fail_again() {
    let is_final: Vec<_> = (0..=255).filter(|number| Alert::new(*number).advice().is_some()).collect();
    assert_eq!(
        is_final,
        [40, 41, 42, 43, 44, 45, 46, 48, 49, 60, 70, 71, 86, 109, 110, 112, 116, 120, 121],
        "close_notify, bad_record_mac, internal_error, user_canceled and others may be temporary"
    );
}

#[test]
fn the_advice_names_the_client_certificate_wherever_it_may_be_the_reason() {
    for number in 0..=255 {
        let alert = Alert::new(number);
        let has_advice = alert.advice().is_some_and(|advice| advice.contains("client_certificate"));
        assert_eq!(alert.is_about_client_certificate(), has_advice, "{number}");
    }
}

#[test]
fn an_alert_is_recognised_in_what_openssl_says() {
    let text = "error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:\
                ssl/record/rec_layer_s3.c:908:SSL alert number 40";
    for (text, number) in [
        (text, Some(40)),
        ("SSL alert number 116, error:0A", Some(116)),
        ("SSL alert number 1160", None),
        ("SSL alert number ", None),
        ("certificate verify failed", None),
    ] {
        assert_eq!(Alert::from_openssl(text).map(|alert| alert.0), number, "{text}");
    }
}
