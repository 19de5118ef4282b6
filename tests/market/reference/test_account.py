from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.reference import AccountWord

words = st.integers(0, 2**256 - 1)


@given(words)
def test_every_word_is_an_account_and_back(word):
    assert AccountWord.from_word(word).to_word() == word


def test_fields_lie_where_the_protocol_puts_them():
    account = AccountWord(
        margin=1, locked=2, epoch=3, prev_epoch=4, epoch_round=5, exit_round=6, capacity=7
    )
    assert account.to_word() == (1 | 2 << 64 | 3 << 128 | 4 << 152 | 5 << 176 | 6 << 200 | 7 << 224)


@pytest.mark.parametrize(("field", "bits"), [("margin", 64), ("epoch", 24), ("capacity", 32)])
def test_a_field_that_does_not_fit_is_refused(field, bits):
    with pytest.raises(OverflowError, match=field):
        AccountWord(**{field: 1 << bits}).to_word()


def test_rounds_before_the_change_are_judged_by_the_epoch_before():
    account = AccountWord(epoch=3, prev_epoch=1, epoch_round=7)
    assert [account.epoch_for(number) for number in (6, 7, 8)] == [1, 3, 3]
