from core.voting.limits import ADDRESS_FREE, PAIR_FREE, PAIR_WAIT, SUBJECT_FREE, Pace

IIN, MOBILE = b"iin", b"mobile"


def attempt(pace: Pace, at: float, address: bytes = b"here", *, exempt: bool = False) -> float:
    return pace.wait(subjects=(IIN, MOBILE), address=address, exempt=exempt, now=at)


def test_a_few_tries_pass_and_the_next_waits_half_a_minute() -> None:
    pace = Pace()
    assert [attempt(pace, float(n)) for n in range(PAIR_FREE)] == [0.0] * PAIR_FREE
    assert attempt(pace, float(PAIR_FREE)) == PAIR_WAIT - 1
    assert attempt(pace, PAIR_FREE - 1 + PAIR_WAIT) == 0


def test_being_told_to_wait_does_not_lengthen_the_wait() -> None:
    pace = Pace()
    for n in range(PAIR_FREE):
        attempt(pace, float(n))
    for n in range(100):
        assert attempt(pace, 5 + n / 10) <= PAIR_WAIT
    assert attempt(pace, PAIR_FREE - 1 + PAIR_WAIT) == 0


def test_strangers_elsewhere_never_keep_a_voter_waiting() -> None:
    pace = Pace()
    for n in range(200):
        attempt(pace, float(n), b"stranger%d" % (n % 3))
    assert attempt(pace, 200.0, b"the voter's own") == 0


def test_an_address_that_joined_many_others_in_trying_one_iin_waits_longer() -> None:
    pace = Pace()
    for n in range(SUBJECT_FREE):
        attempt(pace, float(n), b"address%d" % n)
    assert attempt(pace, 20.0, b"address14") == 54.0  # a minute after its own try at 14 s


def test_an_address_slows_down_over_many_iins_unless_it_is_exempt() -> None:
    pace = Pace()
    for n in range(ADDRESS_FREE):
        assert pace.wait(subjects=(b"%d" % n,), address=b"a", exempt=False, now=1.0) == 0
    assert pace.wait(subjects=(b"new",), address=b"a", exempt=False, now=1.0) == 3.0
    assert pace.wait(subjects=(b"new",), address=b"a", exempt=True, now=1.0) == 0


def test_memory_is_bounded() -> None:
    pace = Pace(remembered=100)
    for n in range(1000):
        pace.wait(subjects=(b"%d" % n,), address=b"%d" % n, exempt=False, now=1.0)
    assert len(pace._tries) <= 100
