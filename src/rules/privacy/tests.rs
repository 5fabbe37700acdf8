//! What is left of addresses.

use super::*;

#[test]
fn addresses_are_cut_or_left_out() {
    let check = |address: &str, truncated: &str| {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(client_address(address, ClientAddress::Full), Some(address));
        assert_eq!(client_address(address, ClientAddress::Truncated), Some(truncated.parse().unwrap()));
        assert_eq!(client_address(address, ClientAddress::Off), None);
    };
    check("192.0.2.77", "192.0.2.0");
    check("::ffff:192.0.2.77", "192.0.2.0");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1::");
    check("::1", "::");
    check("255.255.255.255", "255.255.255.0");
}

#[test]
fn texts_are_cut_where_they_are_addresses() {
    let cut = |text: &str| address_text(text, ClientAddress::Truncated).map(Cow::into_owned);
    assert_eq!(cut("192.0.2.77").as_deref(), Some("192.0.2.0"));
    assert_eq!(cut("192.0.2.77:8080").as_deref(), Some("192.0.2.0"));
    assert_eq!(cut("[2001:db8:1:2::3]:80").as_deref(), Some("2001:db8:1::"));
    assert_eq!(cut("[2001:db8:1:2::3]").as_deref(), Some("2001:db8:1::"));
    assert_eq!(cut("shop.example").as_deref(), Some("shop.example"));
    assert_eq!(address_text("shop.example", ClientAddress::Off), None);
    assert_eq!(address_text("192.0.2.77", ClientAddress::Full).as_deref(), Some("192.0.2.77"));
}
