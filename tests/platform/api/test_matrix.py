"""Who may call what: every operation of the OpenAPI document, by every kind of caller.

A cell says how the operation answers a caller whose request has no body:

    ok      let in: the answer is about the request (2xx, 404, 409, 422), not about the caller
    401     refused: nobody is signed in
    403     refused: signed in, without the right
    404     let in, and what belongs to another is not there for this caller

An analyst has no column: it may do what every role may, and what ANALYSTS names.

An operation without a row fails: say in the table who may call it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account

from devnet import accounts as development
from market.rules import MarketRules
from wattproof.accounts import service as accounts
from wattproof.api.app import create_app
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

LISTED = ("nobody", "owner", "other", "dispatcher", "meter", "regulator", "operator")
CALLERS = (*LISTED, "analyst")
ROLES = (*LISTED[3:6], "analyst")
OPERATIONS = sorted(
    f"{method.upper()} {path}"
    for path, item in create_app().openapi()["paths"].items()
    for method in item
)

# operation: nobody, owner, other, dispatcher, meter, regulator, operator
TABLE = """
DELETE /auth/keys/{key_id}                                            401 ok  404 403 403 403 403
DELETE /auth/session                                                  401 ok  ok  ok  ok  ok  ok
DELETE /credentials/{credential_hash}                                 401 403 403 403 403 403 ok
DELETE /me                                                            401 ok  ok  ok  ok  ok  ok
DELETE /participants/{address}/credentials/{role}                     401 403 403 403 403 403 ok
DELETE /profiles/me/consents/{consent}                                401 ok  404 403 403 403 403
DELETE /profiles/me/credentials/{credential}                          401 ok  ok  403 403 403 403
GET /                                                                 ok  ok  ok  ok  ok  ok  ok
GET /accounts/me                                                      401 ok  ok  403 403 403 403
GET /analytics/budget                                                 401 403 403 403 403 ok  ok
GET /analytics/releases                                               401 403 403 403 403 ok  ok
GET /audit/replay                                                     401 403 403 403 403 ok  403
GET /audit/rounds/{market}/{number}                                   401 403 403 403 403 ok  403
GET /audit/rounds/{market}/{number}/bundle                            401 403 403 403 403 ok  403
GET /auth/keys                                                        401 ok  ok  403 403 403 403
GET /auth/session                                                     401 ok  ok  ok  ok  ok  ok
GET /certificates/batches                                             ok  ok  ok  ok  ok  ok  ok
GET /certificates/batches/{batch}                                     ok  ok  ok  ok  ok  ok  ok
GET /certificates/batches/{batch}/provenance                          ok  ok  ok  ok  ok  ok  ok
GET /certificates/claims                                              ok  ok  ok  ok  ok  ok  ok
GET /certificates/classes                                             ok  ok  ok  ok  ok  ok  ok
GET /certificates/devices                                             ok  ok  ok  ok  ok  ok  ok
GET /certificates/devices/{device}                                    ok  ok  ok  ok  ok  ok  ok
GET /certificates/devices/{device}/charges                            ok  ok  ok  ok  ok  ok  ok
GET /certificates/devices/{device}/charges/suggestion                 401 ok  ok  403 403 403 403
GET /certificates/holdings                                            401 ok  ok  ok  ok  ok  ok
GET /certificates/me                                                  401 ok  ok  403 403 403 403
GET /certificates/pools/{market}/{slot}/positions                     ok  ok  ok  ok  ok  ok  ok
GET /certificates/selection                                           401 ok  ok  403 403 403 403
GET /comfort/venues                                                   401 ok  ok  403 403 403 403
GET /comfort/venues/{venue}/votes                                     401 ok  ok  403 403 403 403
GET /credentials                                                      401 ok  ok  403 403 ok  ok
GET /credentials/{credential_hash}                                    401 ok  404 403 403 ok  ok
GET /credits/me                                                       401 ok  ok  403 403 403 403
GET /credits/series                                                   401 ok  ok  ok  ok  ok  ok
GET /credits/series/{series}                                          401 ok  ok  ok  ok  ok  ok
GET /credits/series/{series}/windows                                  401 ok  ok  ok  ok  ok  ok
GET /credits/windows/{window}                                         401 ok  ok  ok  ok  ok  ok
GET /credits/windows/{window}/baselines/{account}                     401 ok  ok  ok  ok  ok  ok
GET /credits/windows/{window}/preview                                 401 ok  ok  403 403 403 403
GET /delegations                                                      401 ok  ok  403 403 403 403
GET /delegations/{market}/{account}                                   401 ok  404 404 404 ok  ok
GET /dispatch/instructions                                            401 ok  ok  403 403 403 403
GET /dispatch/plans                                                   401 403 403 ok  403 ok  ok
GET /dispatch/plans/{number}                                          401 404 404 ok  404 ok  ok
GET /dispatch/plans/{number}/approval                                 401 403 403 ok  403 403 403
GET /dispatch/plans/{number}/difference                               401 404 404 ok  404 ok  ok
GET /dispatch/plans/{number}/documents/{digest}                       401 ok  ok  ok  ok  ok  ok
GET /dispatch/plans/{number}/steps                                    401 404 404 ok  404 ok  ok
GET /events/instructions                                              401 ok  ok  403 403 403 403
GET /events/orders                                                    401 ok  ok  403 403 403 403
GET /events/rounds                                                    ok  ok  ok  ok  ok  ok  ok
GET /flexibility/events/{event}                                       401 ok  ok  ok  ok  ok  ok
GET /flexibility/events/{event}/preview                               401 ok  ok  403 403 403 403
GET /flexibility/me                                                   401 ok  ok  403 403 403 403
GET /flexibility/programmes                                           401 ok  ok  ok  ok  ok  ok
GET /flexibility/programmes/{programme}                               401 ok  ok  ok  ok  ok  ok
GET /flexibility/programmes/{programme}/enrolments                    401 ok  ok  ok  ok  ok  ok
GET /flexibility/programmes/{programme}/events                        401 ok  ok  ok  ok  ok  ok
GET /health                                                           ok  ok  ok  ok  ok  ok  ok
GET /identifiers/{identifier}                                         ok  ok  ok  ok  ok  ok  ok
GET /identities/{address}                                             ok  ok  ok  ok  ok  ok  ok
GET /identities/{address}/changes                                     ok  ok  ok  ok  ok  ok  ok
GET /identities/{address}/control                                     ok  ok  ok  ok  ok  ok  ok
GET /issuers/grants/{credential_hash}                                 ok  ok  ok  ok  ok  ok  ok
GET /issuers/{address}                                                ok  ok  ok  ok  ok  ok  ok
GET /markets                                                          ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}                                                 ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}/network                                         ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}/rounds/{number}/book                            ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}/rounds/{number}/constraints                     ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}/rounds/{number}/curves                          ok  ok  ok  ok  ok  ok  ok
GET /markets/{market}/rounds/{number}/explanations                    401 ok  ok  ok  ok  ok  ok
GET /markets/{market}/rounds/{number}/orders/{order_hash}/explanation 401 ok  ok  ok  ok  ok  ok
GET /me/export                                                        401 ok  ok  ok  ok  ok  ok
GET /meters                                                           401 ok  ok  403 403 403 403
GET /meters/{device}/readings/{period}                                401 ok  ok  403 403 ok  ok
GET /openadr3/events                                                  401 ok  ok  403 403 403 403
GET /openadr3/events/{event_id}                                       401 ok  ok  403 403 403 403
GET /openadr3/programs                                                401 ok  ok  ok  ok  ok  ok
GET /openadr3/programs/{program_id}                                   401 ok  ok  ok  ok  ok  ok
GET /orders                                                           401 ok  ok  403 403 403 403
GET /orders/{order_hash}                                              401 ok  ok  ok  ok  ok  ok
GET /orders/{order_hash}/cancellation                                 401 ok  ok  403 403 403 403
GET /participants                                                     401 403 403 403 403 403 ok
GET /participants/me                                                  401 ok  ok  403 403 403 403
GET /positions                                                        401 ok  ok  403 403 403 403
GET /presentations                                                    401 ok  ok  403 403 403 ok
GET /presentations/requests/{nonce}                                   401 ok  ok  403 403 403 ok
GET /profiles/me/consents                                             401 ok  ok  403 403 403 403
GET /profiles/me/readings                                             401 ok  ok  403 403 403 403
GET /profiles/{address}                                               401 ok  404 404 404 ok  404
GET /quotas                                                           ok  ok  ok  ok  ok  ok  ok
GET /quotas/me                                                        401 ok  ok  403 403 403 403
GET /quotas/{quota}                                                   ok  ok  ok  ok  ok  ok  ok
GET /quotas/{quota}/compliance                                        ok  ok  ok  ok  ok  ok  ok
GET /quotas/{quota}/compliance/{account}                              ok  ok  ok  ok  ok  ok  ok
GET /quotas/{quota}/compliance/{account}/surrenders                   ok  ok  ok  ok  ok  ok  ok
GET /quotas/{quota}/suggestion                                        401 ok  ok  403 403 403 403
GET /rounds                                                           ok  ok  ok  ok  ok  ok  ok
GET /rounds/{market}/{number}                                         ok  ok  ok  ok  ok  ok  ok
GET /rounds/{market}/{number}/products                                ok  ok  ok  ok  ok  ok  ok
GET /schemas/{kind}                                                   ok  ok  ok  ok  ok  ok  ok
GET /status-lists/{issuer}/{purpose}/{number}                         ok  ok  ok  ok  ok  ok  ok
GET /surveillance/report                                              401 403 403 403 403 ok  403
GET /transactions/{hash}                                              401 ok  ok  403 403 403 403
GET /vote/{link}/ballot                                               ok  ok  ok  ok  ok  ok  ok
POST /accounts/cancel-all                                             401 ok  ok  403 403 403 403
POST /accounts/capacity                                               401 ok  ok  403 403 403 403
POST /accounts/deposit                                                401 ok  ok  403 403 403 403
POST /accounts/exit                                                   401 ok  ok  403 403 403 403
POST /accounts/exit/complete                                          401 ok  ok  403 403 403 403
POST /accounts/faucet                                                 401 ok  ok  403 403 403 403
POST /accounts/margin                                                 401 ok  ok  403 403 403 403
POST /accounts/withdraw                                               401 ok  ok  403 403 403 403
POST /analytics/releases                                              401 403 403 403 403 403 403
POST /auth/keys                                                       401 ok  ok  403 403 403 403
POST /auth/nonce                                                      ok  ok  ok  ok  ok  ok  ok
POST /auth/sessions                                                   ok  ok  ok  ok  ok  ok  ok
POST /auth/sessions/refresh                                           ok  ok  ok  ok  ok  ok  ok
POST /certificates/approval                                           401 ok  ok  403 403 403 403
POST /certificates/classes                                            401 ok  ok  403 403 403 403
POST /certificates/collections                                        401 ok  ok  403 403 403 403
POST /certificates/devices                                            401 ok  ok  403 403 403 403
POST /certificates/devices/{device}/accounts                          401 ok  ok  403 403 403 403
POST /certificates/devices/{device}/correction                        401 ok  ok  403 403 403 403
POST /certificates/devices/{device}/issues                            401 ok  ok  403 403 403 403
POST /certificates/devices/{device}/withdrawal                        401 ok  ok  403 403 403 403
POST /certificates/expiry                                             401 ok  ok  403 403 403 403
POST /certificates/offers                                             401 ok  ok  403 403 403 403
POST /certificates/offers/recall                                      401 ok  ok  403 403 403 403
POST /certificates/offers/recall/complete                             401 ok  ok  403 403 403 403
POST /certificates/retirements                                        401 ok  ok  403 403 403 403
POST /certificates/transfers                                          401 ok  ok  403 403 403 403
POST /comfort/venues                                                  401 ok  ok  403 403 403 403
POST /comfort/venues/{venue}/link                                     401 ok  ok  403 403 403 403
POST /credentials                                                     401 403 403 403 403 403 ok
POST /credentials/verify                                              ok  ok  ok  ok  ok  ok  ok
POST /credits/offers                                                  401 ok  ok  403 403 403 403
POST /credits/offers/recall                                           401 ok  ok  403 403 403 403
POST /credits/offers/recall/complete                                  401 ok  ok  403 403 403 403
POST /credits/series                                                  401 ok  ok  403 403 403 403
POST /credits/series/{series}/defund                                  401 ok  ok  403 403 403 403
POST /credits/series/{series}/fund                                    401 ok  ok  403 403 403 403
POST /credits/series/{series}/redeem                                  401 ok  ok  403 403 403 403
POST /credits/series/{series}/spend                                   401 ok  ok  403 403 403 403
POST /credits/series/{series}/windows                                 401 ok  ok  403 403 403 403
POST /credits/windows/{window}/baselines/{account}                    401 ok  ok  403 403 403 403
POST /credits/windows/{window}/close                                  401 ok  ok  403 403 403 403
POST /credits/windows/{window}/join                                   401 ok  ok  403 403 403 403
POST /delegations/authorisations                                      401 ok  ok  403 403 403 403
POST /delegations/authorisations/template                             401 ok  ok  403 403 403 403
POST /delegations/authorisations/transactions                         401 ok  ok  403 403 403 403
POST /delegations/revocations                                         401 ok  ok  403 403 403 403
POST /delegations/revocations/template                                401 ok  ok  403 403 403 403
POST /delegations/revocations/transactions                            401 ok  ok  403 403 403 403
POST /dispatch/instructions/{number}/acknowledgement                  401 ok  ok  403 403 403 403
POST /dispatch/instructions/{number}/orders                           401 ok  ok  403 403 403 403
POST /dispatch/instructions/{number}/refusal                          401 ok  ok  403 403 403 403
POST /dispatch/plans                                                  401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/approval                                401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/edits                                   401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/inputs                                  401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/instruction                             401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/measurement                             401 403 403 ok  403 403 403
POST /dispatch/plans/{number}/solution                                401 403 403 ok  403 403 403
POST /flexibility/events/{event}/parts/{account}                      401 ok  ok  403 403 403 403
POST /flexibility/events/{event}/parts/{account}/baseline             401 ok  ok  403 403 403 403
POST /flexibility/events/{event}/parts/{account}/dispute              401 ok  ok  403 403 403 403
POST /flexibility/events/{event}/refuse                               401 ok  ok  403 403 403 403
POST /flexibility/programmes                                          401 ok  ok  403 403 403 403
POST /flexibility/programmes/openadr                                  401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/availability                 401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/bond                         401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/defund                       401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/enrol                        401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/events                       401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/events/openadr               401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/fund                         401 ok  ok  403 403 403 403
POST /flexibility/programmes/{programme}/leave                        401 ok  ok  403 403 403 403
POST /identities/{address}/changes                                    401 ok  ok  403 403 403 403
POST /identities/{address}/changes/template                           401 ok  ok  403 403 403 403
POST /identities/{address}/changes/transactions                       401 ok  ok  403 403 403 403
POST /issuers/accreditations                                          401 ok  ok  403 403 403 403
POST /issuers/accreditations/removals                                 401 ok  ok  403 403 403 403
POST /issuers/grants                                                  401 ok  ok  403 403 403 403
POST /issuers/revocations                                             401 ok  ok  403 403 403 403
POST /meters                                                          401 403 403 403 403 403 ok
POST /meters/readings                                                 401 ok  ok  403 ok  403 ok
POST /meters/readings/template                                        401 ok  ok  403 ok  403 ok
POST /orders                                                          401 ok  ok  403 403 403 403
POST /orders/batch                                                    401 ok  ok  403 403 403 403
POST /orders/template                                                 401 ok  ok  403 403 403 403
POST /orders/{order_hash}/cancellation                                401 ok  ok  403 403 403 403
POST /participants                                                    401 ok  ok  403 403 403 403
POST /presentations                                                   401 ok  ok  403 403 403 ok
POST /presentations/requests                                          401 ok  ok  403 403 403 ok
POST /profiles/me/consents                                            401 ok  ok  403 403 403 403
POST /profiles/me/credentials                                         401 ok  ok  403 403 403 403
POST /profiles/me/token                                               401 ok  ok  403 403 403 403
POST /profiles/{address}/consents                                     401 ok  ok  403 403 403 403
POST /profiles/{address}/consents/template                            401 ok  ok  403 403 403 403
POST /quotas                                                          401 ok  ok  403 403 403 403
POST /quotas/{quota}/bond                                             401 ok  ok  403 403 403 403
POST /quotas/{quota}/compliance/{account}/reports                     401 ok  ok  403 403 403 403
POST /quotas/{quota}/compliance/{account}/settlement                  401 ok  ok  403 403 403 403
POST /quotas/{quota}/obligations                                      401 ok  ok  403 403 403 403
POST /quotas/{quota}/surrender                                        401 ok  ok  403 403 403 403
POST /status-lists/entries                                            401 ok  ok  403 403 403 403
POST /transactions                                                    401 ok  ok  403 403 403 403
POST /vote/{link}                                                     ok  ok  ok  ok  ok  ok  ok
PUT /participants/me/batteries/{battery}                              401 ok  ok  403 403 403 403
PUT /participants/{address}/batteries/{battery}                       401 403 403 403 403 403 ok
PUT /participants/{address}/credentials/{role}                        401 403 403 403 403 403 ok
PUT /status-lists/{issuer}/{purpose}/{number}                         401 ok  ok  403 403 403 403
"""

ANALYSTS = {"GET /analytics/budget", "GET /analytics/releases", "POST /analytics/releases"}


def rows():
    """The table: how each caller is answered, by operation."""
    found = {}
    for line in filter(None, map(str.strip, TABLE.splitlines())):
        method, path, *cells = line.split()
        assert len(cells) == len(LISTED), line
        assert f"{method} {path}" not in found, f"two rows for {method} {path}"
        found[f"{method} {path}"] = dict(zip(LISTED, cells, strict=True))
        found[f"{method} {path}"]["analyst"] = analyst(f"{method} {path}", cells[3:])
    return found


def analyst(operation, roles):
    """As the role that may do least, where it has no right of its own."""
    if operation in ANALYSTS:
        return "ok"
    return next((cell for cell in roles if cell != "ok"), "ok")


ROWS = rows()


@pytest.fixture(scope="module")
def callers(platform, new_wallet):
    """One caller of each kind, each with the session of its one scope."""
    keys = {role: Account.create() for role in ROLES}
    with platform.transaction() as session:
        for role, account in keys.items():
            accounts.register(platform, session, str(account.address), role)
    run_until_idle(platform)

    def sign_in(name):
        if name == "operator":
            account = development.account(development.OPERATOR)
            return new_wallet(bytes(account.key), ("operator",))
        if name in ROLES:
            return new_wallet(bytes(keys[name].key), (name,))
        return new_wallet()

    return {name: sign_in(name) for name in CALLERS if name != "nobody"}


@pytest.fixture(scope="module")
def plan(platform, callers, new_wallet, fleet_inputs):
    """Number of a plan of dispatch for the owner."""
    rules = MarketRules(1, 1, 900, 96, 10**9, 10**8, 0, 0, 1000, 10**6)
    with platform.transaction() as session:
        rounds.create_market(platform, session, "ev_battery", rules)
    run_until_idle(platform)
    with platform.transaction() as session:
        market = rounds.market_named(session, "ev_battery")
        assert market is not None
    day = platform.clock.now() // 86_400 + 1
    body = {
        "market": market.market,
        "period": day,
        "participant": callers["owner"].address,
        "inputs": fleet_inputs(day),
    }
    answer = callers["dispatcher"].post("/dispatch/plans", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def new_key(owner):
    body = {"name": "charger 17", "scopes": ["participant"]}
    return owner.post("/auth/keys", json=body).json()["id"]


@pytest.fixture(scope="module")
def credential(platform, callers):
    """Hash of the owner's credential."""
    answer = callers["owner"].post("/participants", json={"name": "Ada"})
    run_until_idle(platform)
    return answer.json()["credentials"][0]["credential_hash"]


def new_consent(owner):
    body = {
        "audience": "0x" + "5f" * 20,
        "purpose": "credit check",
        "topics": ["history"],
        "ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    return owner.post("/profiles/me/consents", json=body).json()["id"]


@pytest.fixture
def path_of(callers, plan, credential):
    """Fills a path in: with what belongs to the owner, or with what does not exist."""
    owner = callers["owner"]

    def fill(path):
        made = {
            "{key_id}": lambda: new_key(owner),
            "{consent}": lambda: new_consent(owner),
            "{address}": lambda: owner.address,
            "{account}": lambda: owner.address,
            "{identifier}": lambda: f"did:ethr:{owner.address}",
            "{role}": lambda: "dispatcher",
            "{link}": lambda: "a" * 43,
            "{kind}": lambda: "participant",
            "{issuer}": lambda: owner.address,
            "{purpose}": lambda: "revocation",
            "{nonce}": lambda: "a" * 43,
            "{credential_hash}": lambda: credential,
        }
        if path.startswith("/dispatch/plans/"):
            made["{number}"] = lambda: str(plan)
        for name in [part for part in path.split("/") if part.startswith("{")]:
            unknown = "0x" + "5f" * 32 if "hash" in name or "digest" in name else "1"
            path = path.replace(name, made.get(name, lambda unknown=unknown: unknown)(), 1)
        return path

    return fill


def answer_to(client, caller, method, path):
    """The status alone; streams are not waited for."""
    headers = {"Content-Type": "application/json"}
    if caller is not None:
        headers["Authorization"] = f"Bearer {caller.token}"
    sent = b"" if method == "GET" else b"{}"
    with client.stream(method, path, headers=headers, content=sent) as answer:
        return answer.status_code


def kind_of(status, expected):
    assert status < 500, status
    return str(status) if status in (401, 403) or str(status) == expected else "ok"


def test_every_operation_has_a_row_and_every_row_an_operation():
    assert sorted(ROWS) == OPERATIONS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_caller_is_answered_as_the_table_says(
    client, callers, new_wallet, path_of, operation
):
    expected = ROWS[operation]
    method, path = operation.split()
    found = {}
    for name in CALLERS:
        caller = callers.get(name)
        if operation == "DELETE /auth/session" and caller is not None:
            caller = new_wallet(bytes(caller.account.key), scopes_of(name))
        status = answer_to(client, caller, method, path_of(path))
        found[name] = kind_of(status, expected[name])
    assert found == expected


def scopes_of(name):
    return ("participant",) if name in ("owner", "other") else (name,)
