"""A command line fit for a record: what looks like a secret is replaced by `***`.

Recognised are the values of options, variables, settings, headers and query parameters whose names say so, credentials
in URLs, and tokens that are known by their shape. In doubt more is hidden rather than less. What nothing gives away
stays: a password in a word of its own, the value of a one-letter option such as `-p`, which may be a port.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

HIDDEN = "***"

# Of a name in small words, `--hfToken` being `hf token`. The last ones decide: `--token-length` is no secret.
_SECRET = re.compile(
    r"""
    (?:^|[ ])(?: (?:api|access|auth)?token | secrets? | passw(?:or)?ds? | passphrase | pass | pwd | o?auth
      | creds? | pat | pin | pgpassword
      | authorization | credentials? | bearer | cookie | jwt | (?:api|access|auth|secret|private)key )$
    | (?:api|access|secret|private|account|encryption|signing|master|shared|storage)[ ]keys?$
    | (?:azure|comet|hf|kaggle|openai|wandb)[ ]key$
    | connection[ ]string$
    """,
    re.VERBOSE,
)
_SECRET_IN_QUERY = re.compile(r"(?:^| )(?:sig|signature)$")
# `--pad-token`, `--price-per-token`, `--low-pass`, `--no-auth`.
_HARMLESS = re.compile(
    r"(?:^| )(?:pad|eos|bos|unk|mask|sep|cls|stop|per|max|min|num|n|low|high|band|single|multi|first|second|forward"
    r"|backward|no|without|disable|skip) [a-z]+$"
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SHAPES = re.compile(
    r"""
    -----BEGIN[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY-----.*?(?:-----END[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY-----|\Z)
    | gh[pousr]_[A-Za-z0-9]{16,} | github_pat_[A-Za-z0-9_]{16,}                 # GitHub
    | gl(?:pat|ptt|dt|rt|rtr|cbt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_.-]{16,}  # GitLab
    | (?<![a-z]{2})(?:hf|api_org)_[A-Za-z0-9]{16,}                                # Hugging Face
    | (?<![a-z]{2})sk-(?=[A-Za-z0-9_-]{0,99}[A-Za-z0-9]{16})[A-Za-z0-9_-]+    # OpenAI, Anthropic and others
    | (?:AKIA|ASIA)[A-Z0-9]{16}                                                # AWS
    | AIza[A-Za-z0-9_-]{30,} | ya29\.[A-Za-z0-9_.-]{16,}                       # Google
    | xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,} | xapp-[A-Za-z0-9-]{8,}         # Slack
    | npm_[A-Za-z0-9]{30,} | pypi-[A-Za-z0-9_-]{50,} | nvapi-[A-Za-z0-9_-]{30,}
    | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}                                     # Stripe
    | eyJ[A-Za-z0-9_-]{5,4000}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*             # a JSON Web Token
    """,
    re.VERBOSE | re.DOTALL,
)

# User and password; of a user alone only where it may be a token. `abfss://container@account` is no credential.
_IN_URL = re.compile(
    r"""
    ://(?: [^\s/:@\[]{0,500}:(?!\d+(?:[/?\#\s]|$))(?:[^\s/?\#]{0,500}@|[^\s]{0,500}@)
      | (?<=http://)[^\s/@?\#]{1,500}@ | (?<=https://)[^\s/@?\#]{1,500}@ )
    """,
    re.VERBOSE | re.IGNORECASE,
)

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_LIKE_OPTION = re.compile(r"--[A-Za-z].*|-[A-Za-z]|-[a-z][a-z-]*[0-9]?(?:=.*)?", re.DOTALL)
_HEADER = re.compile(r"""["']?([A-Za-z][\w-]*):""")
_SCHEMES = frozenset(("basic", "bearer", "digest", "negotiate", "token"))
_ASSIGNED = re.compile(r"([-+~]{0,2}[A-Za-z_][\w.-]*)(=|:(?!//) ?)")
_SCRIPT = re.compile(r"-[a-z]*c")

_NAMED = re.compile(
    r"""
    (?<![\w.-])
    (?: (?P<name>[\w.-]++) ["'\\]{0,2} \s{0,4} (?:=|:(?!//)) \s{0,4}
      | (?P<option>--?[A-Za-z][\w.-]*+) \s++ (?!--?[A-Za-z])
      | (?P<scheme>bearer) \s+ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Up to a space, or to the next name behind a separator: of `token=a&lr=1` it is `a`.
_VALUE = re.compile(
    r"""
    (?: (?:basic|bearer|digest|negotiate|token) \s+ )?
    (?: "(?:\\.|[^"\\])*" | '[^']*' | \S )+?
    (?= [&;,]{1,3} \s{0,4} ["'\\]{0,2} [\w.-]++ ["'\\]{0,2} \s{0,4} [=:] | \s | \Z )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def redacted(words: Sequence[str]) -> list[str]:
    """The words of a command, with `***` for what looks like a secret; again redacted they stay as they are.

    >>> redacted(["train", "--hf-token", "abc", "--tokenizer", "bert", "s3://u:p@host/x"])
    ['train', '--hf-token', '***', '--tokenizer', 'bert', 's3://***@host/x']
    """
    shown: list[str] = []
    hides = is_script = False
    for word in words:
        if hides and not _LIKE_OPTION.fullmatch(word):
            shown.append(HIDDEN)
            hides = word.lower() in _SCHEMES  # of `Authorization: Bearer abc` in three words
            continue
        shown.append(_to_its_end(_text if is_script else _word, word))
        hides = _announces(shown[-1])
        is_script = _SCRIPT.fullmatch(word) is not None
    return shown


def without_credentials(url: str) -> str:
    """A URL without user and password, and with `***` for secrets in its query.

    >>> without_credentials("https://me:hunter2@example.org/x?lr=1&token=abc")
    'https://example.org/x?lr=1&token=***'
    """
    return _to_its_end(_text, url).replace(f"://{HIDDEN}@", "://")


def _to_its_end(change: Callable[[str], str], text: str) -> str:
    """`text` changed until nothing changes any more, as what was hidden may show what was around it."""
    while (changed := change(text)) != text:
        text = changed
    return text


def _announces(word: str) -> bool:
    """Whether the word after this one is a secret."""
    header = _HEADER.fullmatch(word)
    name = header[1] if header else word if _OPTION.fullmatch(word) else ""
    return _is_secret(name) or word.lower() == "bearer"


def _word(word: str) -> str:
    """A word as a whole: what is assigned to a secret's name reaches to its end, whatever it holds."""
    begin = 0
    while assigned := _ASSIGNED.match(word, begin):
        if _is_secret(assigned[1], assigned[2]):
            return word[: assigned.end()] + (HIDDEN if word[assigned.end() :] else "")
        if assigned[2] != "=":
            break
        begin = assigned.end()
    return _text(word)


def _text(text: str) -> str:
    """Text that may be a URL, a script, JSON or anything else."""
    text = _SHAPES.sub(HIDDEN, text)
    text = _IN_URL.sub(f"://{HIDDEN}@", text)
    parts, done = [], 0
    for named in _NAMED.finditer(text):
        name = named["name"] or named["option"] or named["scheme"]
        before = "?" if text[named.start() - 1 : named.start()] in ("?", "&") else ""
        if named.start() < done or not _is_secret(name, before + named[0][len(name) :]):
            continue
        value = _VALUE.match(text, named.end())
        if value:
            parts += [text[done : named.end()], HIDDEN]
            done = value.end()
    return "".join(parts) + text[done:]


def _is_secret(name: str, around: str = "") -> bool:
    """Whether a name says that what follows is secret; `around` is what stands before and behind it."""
    words = " ".join(_PARTS.findall(name)).lower().rstrip(" 0123456789")
    if _HARMLESS.search(words) or (words.endswith("auth") and ":" in around):  # `pkg.auth:create` names a function
        return False
    return bool(_SECRET.search(words) or ("?" in around and _SECRET_IN_QUERY.search(words)))
