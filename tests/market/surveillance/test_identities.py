from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from market.surveillance import Declared, Link, LinkKind, identify
from market.surveillance.identities import HUB_DEGREE, WEIGHTS
from market.surveillance.ratios import PPM
from tests.market.surveillance.rounds import ADA, BOB, CEM, DEE, EVE, FAY

ALL = (ADA, BOB, CEM, DEE, EVE, FAY)
BOSS = "0x" + "99" * 20


def groups(*links, accounts=ALL, **more):
    return [group.accounts for group in identify(links, accounts, **more).groups]


def link(first, second, kind, evidence="0x01"):
    return Link(first, second, kind, evidence)


def test_two_identities_of_one_owner_are_a_group_though_the_owner_never_trades():
    found = identify([link(ADA, BOSS, LinkKind.OWNER), link(BOB, BOSS, LinkKind.OWNER)], ALL)
    (group,) = found.groups
    assert (group.name, group.accounts, group.confidence_ppm) == ("group 1", (ADA, BOB), PPM)
    assert [each.evidence for each in group.links] == ["0x01", "0x01"]


def test_an_owner_of_many_identities_joins_all_of_them():
    assert groups(*(link(account, BOSS, LinkKind.OWNER) for account in ALL)) == [tuple(sorted(ALL))]


def test_one_payment_joins_nobody_and_is_shown_as_loose():
    found = identify([link(ADA, BOB, LinkKind.PAYMENT)], ALL)
    assert found.groups == ()
    assert [each.pair for each in found.loose] == [(ADA, BOB)]


def test_the_same_payment_again_and_again_is_no_stronger():
    assert groups(*(link(ADA, BOB, LinkKind.PAYMENT, f"0x{n:02x}") for n in range(9))) == []


def test_what_both_did_toward_each_other_adds_up():
    links = [link(ADA, BOB, LinkKind.PAYMENT), link(BOB, ADA, LinkKind.CERTIFICATES)]
    assert groups(*links) == []  # 1 - 3/4 * 3/4 = 0.4375
    links.append(link(ADA, BOB, LinkKind.READINGS))
    (group,) = identify(links, ALL).groups  # 1 - 0.5625 * 0.85
    assert group.confidence_ppm == 521_875
    assert group.passive == ()


def test_a_deposit_for_another_joins_nobody_but_one_in_return_does():
    assert groups(link(ADA, BOB, LinkKind.DEPOSIT)) == []
    both = [link(ADA, BOB, LinkKind.DEPOSIT), link(BOB, ADA, LinkKind.DEPOSIT)]
    (group,) = identify(both, ALL).groups
    assert group.confidence_ppm == 640_000  # 1 - 0.6 * 0.6


def test_who_made_none_of_the_links_is_passive():
    (group,) = identify([link(ADA, BOB, LinkKind.OWNER)], ALL).groups
    assert group.passive == (BOB,)
    (group,) = identify(
        [link(ADA, BOSS, LinkKind.OWNER), link(BOB, BOSS, LinkKind.OWNER)], ALL
    ).groups
    assert group.passive == ()
    (group,) = identify([], ALL, declared=[Declared("us", (ADA, BOB))]).groups
    assert group.passive == ()


def test_a_faucet_that_pays_everybody_joins_nobody():
    links = [link(BOSS, account, LinkKind.DEPOSIT) for account in ALL]
    found = identify(links, ALL)
    assert found.groups == ()
    assert [(hub.address, hub.degree) for hub in found.hubs] == [(BOSS, 6)]


def test_up_to_the_hub_degree_a_payer_joins_those_it_pays():
    few = ALL[:HUB_DEGREE]
    kinds = (LinkKind.DEPOSIT, LinkKind.PAYMENT)
    links = [link(BOSS, account, kind) for account in few for kind in kinds]
    (group,) = identify(links, ALL).groups
    assert (group.accounts, group.passive) == (few, few)


def test_an_official_joins_nobody_however_few_it_pays():
    kinds = (LinkKind.DEPOSIT, LinkKind.PAYMENT)
    links = [link(BOSS, account, kind) for account in (ADA, BOB) for kind in kinds]
    assert groups(*links) == [(ADA, BOB)]
    found = identify(links, ALL, officials={BOSS: "operator"})
    assert found.groups == ()
    assert found.hubs[0].office == "operator"


def test_a_hub_of_one_kind_still_joins_by_another():
    links = [link(BOSS, account, LinkKind.PAYMENT) for account in ALL]
    links += [link(BOSS, ADA, LinkKind.OWNER), link(BOSS, BOB, LinkKind.OWNER)]
    assert groups(*links) == [(ADA, BOB)]


def test_groups_are_joined_over_several_links_and_are_as_sure_as_the_weakest():
    links = [link(ADA, BOB, LinkKind.OWNER), link(BOB, CEM, LinkKind.DELEGATE)]
    (group,) = identify(links, ALL).groups
    assert group.accounts == (ADA, BOB, CEM)
    assert group.confidence_ppm == WEIGHTS[LinkKind.DELEGATE]


def test_a_way_round_with_stronger_links_counts():
    links = [link(ADA, BOB, LinkKind.DELEGATE), link(ADA, CEM, LinkKind.OWNER)]
    links.append(link(CEM, BOB, LinkKind.OWNER))
    assert identify(links, ALL).groups[0].confidence_ppm == PPM


def test_a_declared_group_keeps_its_name():
    declared = [Declared("group 1", (CEM, DEE))]
    found = identify([link(ADA, BOB, LinkKind.OWNER)], ALL, declared=declared)
    assert {group.name: group.accounts for group in found.groups} == {
        "group 1": (CEM, DEE),
        "group 2": (ADA, BOB),
    }


def test_declared_groups_that_share_an_account_are_one():
    declared = [Declared("a", (ADA, BOB)), Declared("b", (BOB, CEM))]
    (group,) = identify([], ALL, declared=declared).groups
    assert (group.name, group.accounts) == ("a", (ADA, BOB, CEM))


def test_nobody_is_linked_to_itself():
    assert groups(link(ADA, ADA, LinkKind.OWNER)) == []


@given(
    st.lists(
        st.builds(
            Link,
            st.sampled_from((*ALL, BOSS)),
            st.sampled_from((*ALL, BOSS)),
            st.sampled_from([kind for kind in LinkKind if kind is not LinkKind.DECLARED]),
            st.sampled_from(("0x01", "0x02")),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_groups_do_not_overlap_nor_depend_on_the_order_of_links(links, random):
    found = identify(links, ALL)
    members = [account for group in found.groups for account in group.accounts]
    assert len(members) == len(set(members))
    assert all(len(group.accounts) > 1 for group in found.groups)
    shuffled = list(links)
    random.shuffle(shuffled)
    assert identify(shuffled, ALL) == found
