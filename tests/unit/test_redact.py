import base64
import hashlib
import html
import json
import time
import urllib.parse
import uuid

import pytest

from orchharness.redact import MARK, Redactor, Stream

VALUE = 'p@ss/wörd "1" of-tests'
PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEabc123+/\n" * 20 + "-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEYS = [
    "sk-ant-api03-" + "aB3_-" * 18,
    "sk-proj-" + "aB3_-" * 10,
    "sk-" + "aB3d" * 12,
    "ghp_" + "aB3d" * 9,
    "gho_" + "aB3d" * 9,
    "github_pat_11ABCDEFG0" + "aB3d" * 15,
    "xoxb-1234567890-abcdefABCDEF",
    "AKIA" + "ABCD2345" * 2,
    "AIza" + "aB3d-" * 7,
    JWT,
    "glpat-" + "aB3d-" * 4,
    "hf_" + "aBcD" * 9,
    "npm_" + "aB3d" * 9,
    PEM,
    PEM.replace("\n", "\\n"),
]
HARMLESS = [
    hashlib.sha256(b"x").hexdigest(),
    f"sha256:{hashlib.sha256(b'y').hexdigest()}",
    hashlib.sha1(b"z").hexdigest(),  # noqa: S324
    str(uuid.UUID(int=7)),
    uuid.UUID(int=9).hex,
    "20261122-104635-2172ce",
    "EN-027.i2.a1",
    "TASK-422: task-0123456789abcdef0123456789abcdef01234567",
    "risk-assessment-of-the-whole-thing disk-1234567890123456789012345",
    "sk-learn is a library, sk-some-long-kebab-case-name-for-a-thing too",
    "the bearer of this letter; Bearer authentication-with-internationalization",
    "/srv/projects/eyJ/readme.md",
    "eyJhbGciOiJIUzI1NiJ9 is the head of a token",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0IG9mIGJhc2U2NA==",
    "ghp_short AKIA1234 npm_config_offline hf_hub_download xox-",
    "AKIAABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "npm_" + "a" * 40,
]


@pytest.mark.parametrize("key", KEYS, ids=[k[:12] for k in KEYS])
def test_what_looks_like_a_key_goes_wherever_it_stands(key):
    for text in (key, f"a {key} b", f'{{"a": "{key}"}}', f"KEY={key};", f"({key})", f"'{key}',"):
        assert Redactor().text(text) == text.replace(key, MARK)


@pytest.mark.parametrize("text", HARMLESS)
def test_digests_names_and_words_are_no_keys(text):
    assert Redactor().text(text) == text
    assert Redactor().text(f"x {text} y") == f"x {text} y"


def test_of_a_bearer_the_token_goes_and_the_word_stays():
    text = "Authorization: Bearer abcdefgh12345678.x~y+z/w=\nbearer  abcdefgh12345678"

    assert Redactor().text(text) == f"Authorization: Bearer {MARK}\nbearer  {MARK}"


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize(
    "value", [VALUE, "tok-5f1c8a77e2", "123456", "line one of it\nline two of it\n", "<it's&more>"]
)
def test_a_known_value_goes_in_every_form_of_it(value, before):
    redactor = Redactor([value])
    bare = value.strip()
    forms = {
        bare,
        urllib.parse.quote(bare),
        urllib.parse.quote(bare, safe=""),
        urllib.parse.quote_plus(bare),
        json.dumps(bare),
        json.dumps(bare, ensure_ascii=False),
        json.dumps(json.dumps({"a": bare})),
        repr(bare),
        repr(bare.encode())[1:],
        bare.encode().hex(),
        bare.encode().hex().upper(),
        html.escape(bare),
        html.escape(bare, quote=False),
        html.escape(bare).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),  # as Jinja has it
        html.escape(bare).replace("&#x27;", "&apos;"),
    }
    encoded = base64.b64encode(f"{before}{bare}".encode()).decode()

    for form in forms:
        assert MARK in redactor.text(f"a {form} b")
        assert bare not in redactor.text(f"a {form} b")
        assert redactor.text(f"a {form} b").removeprefix("a ").removesuffix(" b").strip("{}\\\"': a") == MARK
    left = redactor.text(encoded)
    assert MARK in left
    assert len(left.replace(MARK, "")) <= len(base64.b64encode(before.encode())) + 5


def test_a_quote_of_a_value_is_escaped_where_the_text_around_it_has_the_other_one():
    assert Redactor(["it's one"]).text(repr("""it's one "a" """)) == f"'{MARK} \"a\" '"


def test_a_value_of_few_characters_stays_and_is_not_known():
    redactor = Redactor(["true", "12345", ""])

    assert redactor.text("true 12345") == "true 12345"
    assert not redactor.knows


def test_a_value_within_another_leaves_no_rest_of_the_longer_one():
    assert Redactor(["secret", "secret-and-more"]).text("secret-and-more secret") == f"{MARK} {MARK}"


def test_what_is_redacted_stays_as_it_is():
    redactor = Redactor([VALUE])
    once = redactor.text(f"{VALUE} {KEYS[0]} Bearer {JWT}")

    assert redactor.text(once) == once


def test_json_is_redacted_in_every_text_and_is_the_same_object_when_there_is_nothing():
    redactor = Redactor([VALUE])
    value = {f"a {VALUE}": [{"b": VALUE}, 3, None, True], "c": (VALUE,)}
    harmless = {"a": [1, "b", {"c": ("d",)}]}

    assert redactor.json(value) == {f"a {MARK}": [{"b": MARK}, 3, None, True], "c": (MARK,)}
    assert redactor.json(harmless) is harmless


def test_of_known_values_alone_keys_stay():
    assert Redactor([VALUE]).known(f"{VALUE} {KEYS[0]}") == f"{MARK} {KEYS[0]}"


def streamed(redactor, data, size):
    stream = Stream(redactor)
    pieces = [stream.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join([*pieces, stream.feed(b"", last=True)]), stream.changed


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_a_stream_finds_what_lies_across_its_pieces(size):
    text = "\n".join(["first", f"x{VALUE}y", PEM, KEYS[0], "ünïcode", "last"])
    data = text.encode() + b"\xff\xfe\n" + VALUE.encode()

    found, changed = streamed(Redactor([VALUE]), data, size)

    assert found == f"first\nx{MARK}y\n{MARK}\n{MARK}\nünïcode\nlast".encode() + b"\xff\xfe\n" + MARK.encode()
    assert changed


@pytest.mark.parametrize("at", range(65_400, 65_700, 7))
def test_a_stream_finds_what_stands_in_a_line_without_end(at):
    for secret in (VALUE, KEYS[0], JWT):
        data = f"{'x' * at} {secret} {'y' * 90_000} {secret}".encode()

        found, _ = streamed(Redactor([VALUE, "another-value"]), data, 1 << 14)

        assert found == f"{'x' * at} {MARK} {'y' * 90_000} {MARK}".encode()


def test_a_stream_that_holds_nothing_comes_out_as_it_was():
    data = bytes(range(256)) * 5000

    assert streamed(Redactor([VALUE]), data, 10_000) == (data, False)


def test_ten_megabytes_take_about_a_second_at_most():
    data = (
        "2026-11-22 10:46:35 task-17 on disk-3: nothing to see, all is well with tests/unit/x.py\n" * 120_000
    ).encode()
    began = time.perf_counter()

    streamed(Redactor([VALUE, "tok-5f1c8a77e2"]), data, 1 << 20)

    assert time.perf_counter() - began < 6  # on a machine that is busy with other things as well
