//! Whose an address is: what is counted by peer (connections, failed logins) is counted by host, and a host with IPv6 has
//! more addresses than can be counted.
//!
//! All that counts peers asks here, so that no count is escaped by what another one sees as the same host.

use std::net::{IpAddr, Ipv6Addr};

/// The host that an address belongs to: of IPv6 one has all of a /64. An IPv4 address in the form of an IPv6 one is itself.
pub fn host_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_an_address_of_ipv4_or_a_64_of_ipv6() {
        let host = |text: &str| host_of(text.parse().expect("an address")).to_string();
        assert_eq!(host("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(host("2001:db8:1:3:3:4:5:6"), "2001:db8:1:3::");
        assert_eq!(host("::1"), "::1");
        assert_eq!(host("127.0.0.2"), "127.0.0.2");
        assert_eq!(host("::ffff:10.0.0.2"), "10.0.0.2");
    }
}
