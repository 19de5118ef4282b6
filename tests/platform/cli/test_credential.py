"""Credentials from the command line, against a served installation."""

from __future__ import annotations

import json
import stat
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from identity import did
from identity.issuer_records import IssuerRecords
from identity.signer import LocalSigner
from identity.verifiable import jws, key_file, sd_jwt
from identity.verifiable.received import read
from tests.platform.cli.credential_desk import PASSPHRASE, ZONE, opened

CLAIMS = {"role": "ev_owner", "zone": ZONE, "battery_capacity_wh": 58_000}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("desk"), 31_361) as made:
        yield made


@pytest.fixture(scope="module")
def held(desk):
    """A credential that its holder accepted."""
    issued = desk.issue("held.vc")
    desk.done("accept", desk.path("held.vc"), who="holder")
    return issued


def failed(desk, *arguments, **options):
    """Names of the checks that fail, of a command that ends with 1."""
    result = desk.run("verify", *arguments, "--json", **options)
    assert result.exit_code == 1, result.output
    return [each["check"] for each in json.loads(result.stdout)["checks"] if not each["passed"]]


def request(desk, who="other", **changes):
    """What somebody asks a holder to show, as the platform gives it out."""
    return {
        "nonce": "n" * 43,
        "audience": "http://127.0.0.1:8000",
        "asker": desk.did(who),
        "kinds": ["ev_owner"],
        "claims": ["zone"],
        "purpose": "",
        "expires_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
    } | changes


def asked(desk, **changes):
    """The same in a file."""
    path = desk.path("request.json")
    path.write_text(json.dumps(request(desk, **changes)))
    return path


def wish(desk, who):
    """Options of a credential for somebody, in a file that is not there yet."""
    out = desk.path(f"{uuid.uuid4().hex}.vc")
    return ("--kind", "ev_owner", "--subject", desk.did(who), "--out", out, f"zone={ZONE}")


# -- issuing ---------------------------------------------------------------------------------------


def test_a_credential_goes_from_its_issuer_over_its_holder_to_the_market(desk):
    issued = desk.issue("first.vc")
    assert stat.S_IMODE(desk.path("first.vc").stat().st_mode) == 0o600
    assert desk.done("accept", desk.path("first.vc"), who="holder")["kept"]
    listed = desk.done("list", who="holder")
    assert issued["hash"] in [each["hash"] for each in listed]
    found = desk.done("show", issued["hash"][:14], who="holder")
    assert found["claims"] == CLAIMS
    assert found["can_hide"] == ["battery_capacity_wh", "zone"]
    presented = desk.done("present", "--kind", "ev_owner", "--disclose", "zone", who="holder")
    (learnt,) = presented["learnt"]
    assert learnt["claims"] == {"role": "ev_owner", "zone": ZONE}
    assert learnt["holder"] == desk.did("holder")
    assert presented["kept_back"] == ["battery_capacity_wh"]


def test_every_format_is_issued_and_verifies(desk):
    for form in ("jwt", "sd-jwt"):
        desk.issue(f"form.{form}", format=form)
        assert desk.done("verify", desk.path(f"form.{form}"))["holds"]
        assert desk.done("verify", "-", stdin=desk.path(f"form.{form}").read_text())["holds"]


def test_claims_come_from_a_file_too(desk):
    path = desk.path("claims.json")
    path.write_text(json.dumps(CLAIMS))
    desk.issue("file.vc", "charging_power_w=11000", claims=path)
    assert read(desk.path("file.vc").read_text()).claims == CLAIMS | {"charging_power_w": 11_000}


def test_an_ed25519_key_issues_offline_and_whoever_trusts_it_verifies_offline(desk):
    key = ("--kind", "ev_owner", "--subject", desk.did("holder"), "--no-status")
    out = desk.path("offline.vc")
    issued = desk.done(
        "issue", *key, "--out", out, "--format", "data-integrity", f"zone={ZONE}", who="ed25519"
    )
    assert issued["issuer"].startswith("did:key:z6Mk")
    assert failed(desk, out, "--offline") == ["accreditation"]
    found = desk.done("verify", out, "--offline", "--trust", issued["issuer"])
    assert (found["holds"], found["issuer"]) == (True, issued["issuer"])
    assert failed(desk, out) == ["accreditation"]
    other = desk.did("other")
    assert failed(desk, out, "--offline", "--trust", other) == ["accreditation"]


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (("zone=10Y1001A1001A82H", "vin=W0L000"), "vin: no claim of this kind; leave it out"),
        (("zone=10Y1001A1001A82H", "battery_capacity_wh=-58000"), "give at least 1"),
        (("zone=10Y1001A1001A82H", "battery_capacity_wh=58 kWh"), "a whole number in the unit"),
        (("zone=10Y1001A1001A82H", "battery_capacity_wh=58.5"), "a whole number in the unit"),
        (("zone=Berlin",), "Area by its Energy Identification Code"),
        (("battery_capacity_wh=58000",), "zone is missing; add it"),
        (("zone=10Y1001A1001A82H", "role=operator"), "role: "),
        (("zone",), "is no claim; write NAME=VALUE"),
        (("zone=10Y1001A1001A82H", "zone=10YFR-RTE------C"), "zone is given twice"),
    ],
)
def test_claims_that_do_not_fit_are_refused_before_anything_is_signed(desk, claims, said):
    out, records = desk.path("wrong.vc"), IssuerRecords(desk.path("issuer.issued"))
    before = len(records.all())
    arguments = ("--kind", "ev_owner", "--subject", desk.did("holder"), "--out", out)
    assert said in desk.refused("issue", *arguments, *claims, who="issuer")
    assert not out.exists()
    assert len(records.all()) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "plumber"}, "there is no kind 'plumber'"),
        ({"subject": "Ada"}, "subject: 'Ada' is not a DID"),
        ({"format": "pdf"}, "there is no format pdf"),
        ({"valid-days": 0}, "valid-days"),
        ({"claims": "/no/such/file"}, "cannot read /no/such/file"),
        ({"format": "jwt", "holder-key": "did:key:z#z"}, "--holder-key is for the format sd-jwt"),
        ({"format": "data-integrity"}, "needs an Ed25519 key"),
        ({"subject": "did:web:ada.example"}, "name the holder's key"),
    ],
)
def test_what_cannot_be_issued_is_refused_with_what_to_do(desk, options, said):
    wanted = {"kind": "ev_owner", "subject": desk.did("holder"), "out": desk.path("wrong.vc")}
    wanted |= options
    given = [part for name, value in wanted.items() for part in (f"--{name}", value)]
    assert said in desk.refused("issue", *given, f"zone={ZONE}", who="issuer")
    assert not desk.path("wrong.vc").exists()


def test_nobody_issues_without_being_accredited(desk):
    arguments = ("--subject", desk.did("holder"), "--out", desk.path("wrong.vc"), f"zone={ZONE}")
    said = desk.refused("issue", "--kind", "ev_owner", *arguments, who="other")
    assert "is not accredited for ev_owner" in said
    said = desk.refused("issue", "--kind", "dispatcher", *arguments, who="issuer")
    assert "is not accredited for dispatcher" in said


def test_nobody_issues_in_the_name_of_another_did(desk):
    arguments = (
        *("--kind", "ev_owner", "--subject", desk.did("holder"), "--out", desk.path("wrong.vc")),
        *("--issuer", desk.did("other"), f"zone={ZONE}"),
    )
    assert "does not speak for" in desk.refused("issue", *arguments, "--no-status", who="issuer")
    assert "those of the account that signs" in desk.refused("issue", *arguments, who="issuer")
    elsewhere = ("--issuer", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
    said = desk.refused("issue", *arguments, *elsewhere, "--no-status", who="ed25519")
    assert "does not speak for" in said


def test_an_ed25519_key_has_no_lists_and_grants_nothing(desk):
    arguments = ("--kind", "ev_owner", "--subject", desk.did("holder"), f"zone={ZONE}")
    out = ("--out", desk.path("wrong.vc"))
    for flag in ((), ("--no-status", "--grant")):
        assert "--no-status" in desk.refused("issue", *arguments, *out, *flag, who="ed25519")


def test_a_file_is_never_overwritten(desk):
    desk.path("mine.vc").write_text("mine")
    arguments = ("--kind", "ev_owner", "--subject", desk.did("holder"), f"zone={ZONE}")
    said = desk.refused("issue", *arguments, "--out", desk.path("mine.vc"), who="issuer")
    assert "exists already" in said
    assert desk.path("mine.vc").read_text() == "mine"


def test_a_key_file_that_others_may_read_is_refused(desk):
    for name, who in (("issuer.json", "issuer"), ("ed25519.json", "ed25519")):
        desk.path(name).chmod(0o644)
        try:
            assert "chmod 600" in desk.refused("publish", who=who)
        finally:
            desk.path(name).chmod(0o600)


def test_an_issuer_whose_key_never_comes_to_the_command_issues_and_revokes(desk, tmp_path):
    from identity.key_agent import KeyAgent

    signer = LocalSigner.generate()
    address = signer.address
    desk.platform.chain.request("anvil_setBalance", address, hex(10**18))
    desk.done("accredit", address, "--role", "ev_owner", who="registrar")
    socket, out = tmp_path / "issuer.sock", desk.path("agent.vc")
    subject = str(did.of(LocalSigner.generate().address, desk.platform.deployment.chain_id))
    arguments = ("--kind", "ev_owner", "--subject", subject, "--out", out, f"zone={ZONE}")
    with KeyAgent(socket, signer) as agent:
        thread = threading.Thread(target=agent.serve_forever, daemon=True)
        thread.start()
        key = ("--key", socket)
        issued = desk.done("issue", *arguments, "--grant", key=key)
        assert desk.done("verify", out)["holds"]
        desk.done("revoke", issued["hash"], "--on-chain", key=key)
        agent.shutdown()
        thread.join()
    assert failed(desk, out) == ["status", "grant"]
    desk.path("gone.sock").write_text("")
    assert "not a key file" in desk.refused("publish", key=("--key", desk.path("gone.sock")))


def test_records_of_what_was_issued_hold_no_claims(desk, held):
    for path in desk.path("issuer.issued").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        text = path.read_text()
        assert ZONE not in text
        assert not any(name in text for name in CLAIMS if name != "role")


# -- holding ---------------------------------------------------------------------------------------


def test_what_does_not_hold_does_not_get_into_a_wallet(desk):
    desk.issue("altered.vc", format="jwt")
    head, payload, signature = desk.path("altered.vc").read_text().strip().split(".")
    document = jws.read_object(jws.decode(payload), "it")
    document["credentialSubject"]["battery_capacity_wh"] = 90_000
    altered = f"{head}.{jws.encode(json.dumps(document).encode())}.{signature}"
    result = desk.run("accept", "-", who="other", stdin=altered)
    assert result.exit_code == 1
    assert "signature FAILS: another key signed it" in " ".join(result.output.split())
    assert desk.done("list", who="other") == []
    assert failed(desk, "-", stdin=altered) == ["signature"]


def test_a_part_of_a_credential_is_not_accepted_from_an_issuer(desk, held):
    part = str(sd_jwt.select(sd_jwt.parse(desk.path("held.vc").read_text().strip()), []))
    assert desk.done("verify", "-", stdin=part)["holds"]
    result = desk.run("accept", "-", who="other", stdin=part)
    assert result.exit_code == 1
    assert "zone is missing" in result.output


@pytest.mark.parametrize("text", ["", "hello", "{}", "a.b.c", "a.b.c~"])
def test_what_is_no_credential_is_refused(desk, text):
    for command in ("verify", "accept"):
        assert desk.refused(command, "-", who="holder", stdin=text)
    assert "cannot read" in desk.refused("verify", desk.path("nothing.vc"))


def test_a_wallet_that_was_tampered_with_is_not_used(desk):
    desk.issue("tampered.vc")
    desk.done("accept", desk.path("tampered.vc"), who="other")
    (path,) = desk.path("other.wallet").iterdir()
    before = path.read_text()
    desk.issue("another.vc")
    swapped = {"accepted_at": 1, "credential": desk.path("another.vc").read_text().strip()}
    for text, said in (("{", "changed or damaged"), (json.dumps(swapped), "than it is named")):
        path.write_text(text)
        for command in (("list",), ("show", path.stem), ("present", "--kind", "ev_owner")):
            assert said in desk.refused(*command, who="other")
    path.write_text(before)
    path.chmod(0o644)
    assert "chmod 600" in desk.refused("list", who="other")
    path.unlink()


def test_a_name_that_is_none_shows_nothing(desk, held):
    assert "has no credential ffff" in desk.refused("show", "ffff" * 4, who="holder")
    assert "names no credential" in desk.refused("show", "zz", who="holder")


# -- showing ---------------------------------------------------------------------------------------


def test_what_will_be_seen_is_said_before_anything_is_signed(desk, held):
    arguments = ("present", "--kind", "ev_owner", "--disclose", "zone", "--dry-run")
    found = desk.done(*arguments, who="holder")
    assert found["shown"] == {"role": "ev_owner", "zone": ZONE}
    assert found["kept_back"] == ["battery_capacity_wh"]
    assert "learnt" not in found
    said = desk.run(*arguments, who="holder").output
    assert "http://127.0.0.1:8000 will see" in said
    assert "kept back: battery_capacity_wh" in said
    assert "it learnt" not in said


def test_a_request_for_more_than_the_holder_allows_shows_nothing(desk, held):
    greedy = asked(desk, claims=["zone", "battery_capacity_wh"])
    said = desk.refused("present", "--request", greedy, "--disclose", "zone", who="holder")
    assert "asks for battery_capacity_wh, which you did not allow" in said
    assert "--disclose battery_capacity_wh" in said


def test_what_nobody_asked_for_is_not_shown(desk, held):
    curious = ("--disclose", "zone", "--disclose", "battery_capacity_wh")
    said = desk.refused("present", "--request", asked(desk), *curious, who="holder")
    assert "nobody asked for battery_capacity_wh" in said


def test_a_request_for_another_audience_is_not_answered_by_mistake(desk, held):
    other = asked(desk, audience="https://thief.example")
    said = desk.refused("present", "--request", other, "--disclose", "zone", who="holder")
    assert "the request is for https://thief.example, not for http://127.0.0.1:8000" in said
    assert "--audience https://thief.example" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expires_at": "2020-01-01T00:00:00Z"}, "the request has expired"),
        ({"expires_at": "2040-01-01T00:00:00"}, "no time zone"),
        ({"expires_at": 5}, "this is no request"),
        ({"claims": [1]}, "this is no request"),
        ({"nonce": None}, "this is no request"),
        ({"kinds": ["regulator"]}, "no credential in the wallet answers"),
        ({"kinds": ["unheard_of"]}, "no credential in the wallet answers"),
        ({"claims": ["jurisdiction"]}, "no credential in the wallet answers"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(desk, held, changes, said):
    path = asked(desk, **changes)
    assert said in desk.refused("present", "--request", path, "--disclose", "zone", who="holder")


def test_a_nonce_that_was_never_given_out_or_used_before_is_refused(desk, held):
    said = desk.refused("present", "--request", asked(desk), "--disclose", "zone", who="holder")
    assert "ask for a new request" in said
    said = desk.refused("present", "--nonce", "n" * 43, "--disclose", "zone", who="holder")
    assert "no such request" in said


def test_one_request_is_named_and_no_more(desk, held):
    for given in ((), ("--nonce", "n" * 43, "--kind", "ev_owner")):
        assert "name the request with" in desk.refused("present", *given, who="holder")


def test_nobody_shows_the_credential_of_somebody_else(desk, held):
    desk.done("accept", desk.path("held.vc"), who="other")
    said = desk.refused("present", "--kind", "ev_owner", "--disclose", "zone", who="other")
    assert "does not speak for" in said


def test_a_credential_that_shows_everything_is_shown_only_where_its_holder_says_so(desk):
    issued = desk.issue("whole.vc", format="jwt")
    desk.done("accept", desk.path("whole.vc"), who="holder")
    this = ("--kind", "ev_owner", "--credential", issued["hash"], "--disclose", "zone")
    said = desk.refused("present", *this, who="holder")
    assert "shows battery_capacity_wh too" in said
    found = desk.done("present", *this, "--whole", who="holder")
    assert found["shown"] == CLAIMS
    assert found["learnt"][0]["claims"] == {"role": "ev_owner", "zone": ZONE}


def test_a_key_without_an_account_shows_what_is_bound_to_it(desk):
    name = key_file.did_of_file(desk.path("ed25519.json"))
    assert name is not None
    method = f"{name}#{name.rpartition(':')[2]}"
    issued = desk.issue("bound.vc", holder_key=method)
    desk.done("accept", desk.path("bound.vc"), who="other")
    this = ("--kind", "ev_owner", "--credential", issued["hash"], "--disclose", "zone")
    assert "does not speak for" in desk.refused("present", *this, who="other")
    holder = ("--holder-key", desk.path("ed25519.json"))
    (learnt,) = desk.done("present", *this, *holder, who="other")["learnt"]
    assert learnt["holder"] == name


# -- revoking --------------------------------------------------------------------------------------


def test_a_revoked_credential_verifies_nowhere_and_cannot_be_shown(desk):
    issued, kept = desk.issue("revoked.vc"), desk.issue("kept.vc")
    desk.done("accept", desk.path("revoked.vc"), who="holder")
    done = desk.done("revoke", issued["hash"][:12], who="issuer")
    assert done["on_chain"] == "no grant stands"
    assert failed(desk, desk.path("revoked.vc")) == ["status"]
    assert desk.done("verify", desk.path("kept.vc"))["holds"]
    this = ("--kind", "ev_owner", "--credential", issued["hash"], "--disclose", "zone")
    assert "revocation" in desk.refused("present", *this, who="holder")
    assert desk.run("accept", desk.path("revoked.vc"), who="other").exit_code == 1
    assert kept["status_list"] == issued["status_list"]


def test_a_role_on_the_chain_ends_with_the_credential_where_its_issuer_says_so(desk):
    issued = desk.issue("granted.vc", grant=True)
    assert issued["transactions"][0]["block_number"]
    checks = [c["check"] for c in desk.done("verify", desk.path("granted.vc"))["checks"]]
    assert checks[-2:] == ["subject", "grant"]
    done = desk.done("revoke", issued["hash"], who="issuer")
    assert "the role stands" in done["on_chain"]
    assert failed(desk, desk.path("granted.vc")) == ["status"]
    assert desk.done("revoke", issued["hash"], "--on-chain", who="issuer")["on_chain"] == "revoked"
    assert failed(desk, desk.path("granted.vc")) == ["status", "grant"]
    again = desk.done("revoke", issued["hash"], "--on-chain", who="issuer")
    assert (again["transactions"], again["on_chain"]) == ([], "no grant stands")
    said = desk.refused("grant", issued["hash"], who="issuer")
    assert "the contract refuses to grant the role" in said


def test_a_grant_that_is_refused_leaves_the_credential_and_says_so(desk):
    # The role was revoked within the last day.
    arguments = ("--kind", "ev_owner", "--subject", desk.did("holder"), f"zone={ZONE}")
    out = desk.path("ungranted.vc")
    said = desk.refused("issue", *arguments, "--out", out, "--grant", who="issuer")
    assert "RegrantTooSoon" in said
    assert f"the credential is in {out}" in said
    assert desk.done("verify", out)["holds"]


def test_a_revocation_that_was_cut_off_between_its_steps_is_made_whole_by_the_next_run(
    desk, monkeypatch
):
    from wattproof.cli.credential_issuing import Desk
    from wattproof.errors import UnavailableError

    issued = desk.issue("cut.vc")

    def cut_off(*_, **__):
        raise UnavailableError("the power went off")

    with monkeypatch.context() as power:
        power.setattr(Desk, "publish", cut_off)
        assert "the power went off" in desk.refused("revoke", issued["hash"], who="issuer")
    assert desk.done("verify", desk.path("cut.vc"))["holds"]
    desk.issue("later.vc")  # neither is it forgotten by what is done in between
    desk.done("revoke", issued["hash"], who="issuer")
    assert failed(desk, desk.path("cut.vc")) == ["status"]


def test_a_credential_that_could_not_be_written_can_be_issued_again_and_revoked(desk, monkeypatch):
    from identity import private_files
    from identity.errors import KeystoreError

    def full(*_):
        raise KeystoreError("cannot write: No space left on device")

    arguments = ("--kind", "ev_owner", "--subject", desk.did("holder"), f"zone={ZONE}")
    out, records = desk.path("full.vc"), IssuerRecords(desk.path("issuer.issued"))
    before = {record.name for record in records.all()}
    with monkeypatch.context() as disk:
        disk.setattr(private_files, "create", full)
        said = desk.refused("issue", *arguments, "--out", out, who="issuer")
    assert "No space left" in said
    assert not out.exists()
    (lost,) = {record.name for record in records.all()} - before
    desk.done("issue", *arguments, "--out", out, who="issuer")
    desk.done("revoke", lost, who="issuer")
    assert desk.done("verify", out)["holds"]


def test_a_credential_ends_with_the_did_that_it_is_about(desk, tmp_path):
    leaver = LocalSigner.generate()
    leaver.save(desk.path("leaver.json"), PASSPHRASE, work_factor=2)
    desk.platform.chain.request("anvil_setBalance", leaver.address, hex(10**18))
    desk.issue("left.vc", subject=desk.did("leaver"))
    found = desk.done("verify", desk.path("left.vc"))
    assert found["checks"][-1] == {
        "check": "subject",
        "passed": True,
        "detail": desk.did("leaver"),
    }
    desk.done("deactivate", "--yes", who="leaver", group="did")
    assert failed(desk, desk.path("left.vc")) == ["subject"]
    said = desk.refused("issue", *wish(desk, "leaver"), "--grant", who="issuer")
    assert "nothing is granted any more" in said


def test_nobody_revokes_what_somebody_else_issued(desk, held):
    assert "has no credential" in desk.refused("revoke", held["hash"], who="other")
    records = desk.path("other.issued")
    records.mkdir(mode=0o700, exist_ok=True)
    name = f"{held['hash'][2:]}.json"
    stolen = records / name
    stolen.write_text((desk.path("issuer.issued") / name).read_text())
    stolen.chmod(0o600)
    assert "no list of revocations of" in desk.refused("revoke", held["hash"], who="other")
    assert desk.done("verify", desk.path("held.vc"))["holds"]
    stolen.unlink()


def test_a_list_that_is_signed_anew_keeps_every_revocation(desk, held):
    issued = desk.issue("again.vc")
    desk.done("revoke", issued["hash"], who="issuer")
    (published,) = desk.done("publish", "--days", 30, who="issuer")
    assert published["revoked"] >= 1
    assert failed(desk, desk.path("again.vc")) == ["status"]
    assert desk.done("verify", desk.path("held.vc"))["holds"]


def test_records_that_were_lost_undo_no_revocation(desk, held):
    issued = desk.issue("lost.vc")
    desk.done("revoke", issued["hash"], who="issuer")
    (desk.path("issuer.issued") / f"{issued['hash'][2:]}.json").unlink()
    desk.done("publish", who="issuer")
    assert failed(desk, desk.path("lost.vc")) == ["status"]


def test_a_list_that_its_host_lost_or_set_back_gets_every_revocation_again(desk, held):
    """Whoever hosts the list forgets it: what the issuer signs next has all its bits."""
    from sqlmodel import col, update

    from wattproof.credentials.models import StatusListRow

    issued = desk.issue("forgotten.vc")
    desk.done("revoke", issued["hash"], who="issuer")
    with desk.platform.transaction() as session:
        mine = col(StatusListRow.issuer) == desk.signer("issuer").address
        session.exec(update(StatusListRow).where(mine).values(token=None, valid_from=0))
    assert "status" in failed(desk, desk.path("held.vc"))
    desk.done("publish", who="issuer")
    assert failed(desk, desk.path("forgotten.vc")) == ["status"]
    assert desk.done("verify", desk.path("held.vc"))["holds"]


def test_a_status_list_that_was_handed_in_serves_a_verifier_offline(desk, held):
    import httpx

    name = f"/status-lists/{desk.signer('issuer').address}/revocation/1"
    path = desk.path("list.jwt")
    path.write_text(httpx.get(f"{desk.url}{name}").text)
    offline = ("--offline", "--trust", desk.did("issuer"))
    assert failed(desk, desk.path("held.vc"), *offline) == ["signature", "status"]
    assert desk.done("verify", desk.path("held.vc"), "--status-list", path)["holds"]
    for wrong in (desk.path("held.vc"), desk.path("nothing")):
        assert desk.refused("verify", desk.path("held.vc"), "--status-list", wrong)
    path.write_text(path.read_text()[:-8] + "AAAAAAAA")
    assert failed(desk, desk.path("held.vc"), "--status-list", path) == ["status"]


# -- accrediting -----------------------------------------------------------------------------------


def test_the_registrar_alone_accredits(desk):
    this = ("accredit", desk.did("other"), "--role", "dispatcher")
    assert "has no role that may accredit" in desk.refused(*this, who="issuer")
    found = desk.done(*this, who="registrar")
    assert (found["issuer"], found["callable_at"]) == (desk.signer("other").address, None)
    assert "that is done once" in desk.refused(*this, who="registrar")
    removed = desk.run(*this, "--remove", who="registrar")
    assert "is not accredited any more for dispatcher" in removed.output
    said = desk.refused(*this, who="registrar")
    assert "that is done once" in said


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("Ada", "is no address"),
        ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "has no account"),
        ("did:ethr:0x1:0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "of another chain"),
    ],
)
def test_what_is_no_account_of_this_chain_is_not_accredited(desk, issuer, said):
    assert said in desk.refused("accredit", issuer, "--role", "ev_owner", who="registrar")


def test_a_role_that_there_is_not_is_not_accredited(desk):
    said = desk.refused("accredit", desk.did("other"), "--role", "plumber", who="registrar")
    assert "there is no role plumber" in said


def test_an_accreditation_that_ends_takes_its_credentials_along(desk):
    signer = LocalSigner.generate()
    signer.save(desk.path("short.json"), PASSPHRASE, work_factor=2)
    desk.platform.chain.request("anvil_setBalance", signer.address, hex(10**18))
    this = ("accredit", signer.address, "--role", "ev_owner")
    desk.done(*this, who="registrar")
    out = desk.path("short.vc")
    arguments = ("--kind", "ev_owner", "--subject", desk.did("other"), "--out", out)
    desk.done("issue", *arguments, f"zone={ZONE}", "--grant", who="short")
    assert desk.done("verify", out)["holds"]
    desk.done(*this, "--remove", who="registrar")
    assert failed(desk, out) == ["accreditation", "grant"]


def test_commands_that_need_a_key_ask_for_one(desk):
    for command in (("publish",), ("revoke", "abcd"), ("present", "--kind", "ev_owner")):
        assert "--key" in desk.refused(*command)
