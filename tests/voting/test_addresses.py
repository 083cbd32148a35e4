from ipaddress import ip_address

import pytest

from core.voting.addresses import (
    address_key,
    client_address,
    fold_network,
    networks,
    parse,
    short_address,
)

TRUSTED = networks(["127.0.0.1/32", "10.0.0.0/8", "::1/128", "2001:db8:ffff::/48"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        # Nobody is believed who is not a configured proxy.
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("203.0.113.7", ["127.0.0.1"], "203.0.113.7"),
        # One proxy of ours: the hop it wrote, whatever the voter wrote to the left of it.
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["1.1.1.1, 2.2.2.2, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        # A chain of proxies, in one header or in several.
        ("127.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.5"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6, 198.51.100.1", "10.0.0.5"], "198.51.100.1"),
        ("10.0.0.5", ["198.51.100.1,10.1.1.1,10.2.2.2"], "198.51.100.1"),
        # A visitor inside the trusted network is the leftmost hop there is.
        ("127.0.0.1", ["10.0.0.9"], "10.0.0.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        # Rubbish is never an address somebody chose: the proxy that sent it counts.
        ("127.0.0.1", ["198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, _hidden, 10.0.0.5"], "10.0.0.5"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1,"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.01"], "127.0.0.1"),
        ("127.0.0.1", ["٣.1.1.1"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1:99999"], "127.0.0.1"),
        # Ports and brackets, as some proxies write them.
        ("127.0.0.1", ["198.51.100.1:5555"], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("127.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
        ("127.0.0.1", ["[2001:db8::7"], "127.0.0.1"),
        # IPv4 inside IPv6 is the IPv4 line, for trust as well as for the key.
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["64:ff9b::c633:6401"], "198.51.100.1"),
        ("::ffff:203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
        ("2001:db8:ffff::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2:3:4:5:6"),
        ("fe80::1%eth0", [], "fe80::1"),
    ],
)
def test_the_address_is_the_first_hop_from_the_right_that_is_no_proxy_of_ours(
    peer: str, forwarded: list[str], expected: str
) -> None:
    assert client_address(peer, forwarded, TRUSTED) == ip_address(expected)


@pytest.mark.parametrize("peer", [None, "", "testclient", "unix:/run/socket"])
def test_a_peer_that_is_no_address_is_nobody(peer: str | None) -> None:
    assert client_address(peer, ["198.51.100.1"], TRUSTED) is None


@pytest.mark.parametrize(
    ("address", "key", "short"),
    [
        ("203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", "203.0.113.7/32", "203.0.113.0/24"),
        ("64:ff9b::cb00:7107", "203.0.113.7/32", "203.0.113.0/24"),
        ("64:ff9b:1::cb00:7107", "64:ff9b:1::/64", "64:ff9b:1::/48"),
    ],
)
def test_one_line_has_one_key_and_a_short_form(address: str, key: str, short: str) -> None:
    found = parse(address)
    assert found is not None
    assert address_key(found) == key
    assert short_address(found) == short


def test_networks_written_as_ipv6_around_ipv4_are_folded_too() -> None:
    assert [str(net) for net in networks(["::ffff:10.0.0.0/104", "64:ff9b::/96"])] == [
        "10.0.0.0/8",
        "0.0.0.0/0",
    ]
    assert str(fold_network(networks(["2001:db8::/32"])[0])) == "2001:db8::/32"
