use super::*;

#[test]
fn data_is_made_of_what_users_have_at_hand() {
    let text = Data::Text(ByteString::from_static("hi"));
    assert_eq!(
        [Data::from("hi"), "hi".to_owned().into(), ByteString::from("hi").into()],
        [&text; 3].map(Clone::clone)
    );
    assert_eq!((text.as_text(), text.as_binary(), text.len()), (Some("hi"), None, 2));

    let binary = Data::Binary(Bytes::from_static(b"hi"));
    assert_eq!(
        [Data::from(&b"hi"[..]), b"hi".to_vec().into(), Bytes::from("hi").into()],
        [&binary; 3].map(Clone::clone)
    );
    assert_eq!((binary.as_text(), binary.as_binary()), (None, Some(&Bytes::from_static(b"hi"))));

    assert_ne!(text, binary);
    assert!(!text.is_empty());
    assert!(Data::from("").is_empty());
    assert_eq!(Data::from("€").len(), 3);
}

#[test]
fn json_is_read_from_text_and_from_binary() {
    assert_eq!(Data::from("[1,2]").json::<Vec<u8>>().unwrap(), [1, 2]);
    assert_eq!(Data::from(&br#""x""#[..]).json::<String>().unwrap(), "x");
    assert!(Data::from("[1,").json::<Vec<u8>>().is_err());
    assert!(Data::from(vec![b'"', 0xff, b'"']).json::<String>().is_err());
}
