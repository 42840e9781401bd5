"""Authlib as a client: reads a case and its settings as JSON from standard input, writes what it got as JSON."""

import json
import sys
import time

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from pages import agree


def session_of(client, **more):
    session = OAuth2Session(client["client_id"], client.get("client_secret"), **more)
    session.trust_env = False
    return session


def discover(settings):
    """RFC 8414; raises what the specification does not allow."""
    session = OAuth2Session()
    session.trust_env = False
    address = get_well_known_url(settings["issuer"], external=True)
    metadata = AuthorizationServerMetadata(session.get(address, withhold_token=True, timeout=10).json())
    metadata.validate()
    if metadata.issuer != settings["issuer"]:
        raise RuntimeError(f"the metadata is of {metadata.issuer}")
    return metadata


def discovery(settings):
    return dict(discover(settings))


def client_credentials(settings):
    metadata = discover(settings)
    answers = {}
    for method in ("client_secret_basic", "client_secret_post"):
        session = session_of(settings["client"], token_endpoint_auth_method=method)
        token = session.fetch_token(metadata.token_endpoint, grant_type="client_credentials")
        seen = session.get(f"{settings['issuer']}/whoami", timeout=10)
        answers[method] = {"token": token, "whoami": seen.json()}
    return answers


def refused(settings):
    client = {**settings["client"], "client_secret": "wrong"}
    codes = {}
    for method in ("client_secret_basic", "client_secret_post"):
        try:
            session_of(client, token_endpoint_auth_method=method).fetch_token(
                f"{settings['issuer']}/oauth/token", grant_type="client_credentials"
            )
        except OAuthError as error:
            codes[method] = error.error
    return codes


def tokens(settings):
    """Both kinds of token, verified with the published keys: signature, issuer, audience and times."""
    metadata = discover(settings)
    session = session_of(settings["client"])
    token = session.fetch_token(metadata.token_endpoint, grant_type="client_credentials")["access_token"]
    keys = JsonWebKey.import_key_set(session.get(metadata.jwks_uri, withhold_token=True, timeout=10).json())
    found = {}
    for name, text, audience in (
        ("access", token, settings["issuer"]),
        ("customer", settings["customer_token"], settings["channel"]),
    ):
        claims = JsonWebToken(["ES256"]).decode(
            text,
            keys,
            claims_options={
                "iss": {"essential": True, "value": settings["issuer"]},
                "aud": {"essential": True, "value": audience},
                "exp": {"essential": True},
                "sub": {"essential": True},
            },
        )
        claims.validate()
        found[name] = {"header": claims.header, "claims": dict(claims)}
    return found


def authorization_code(settings):
    metadata = discover(settings)
    app = settings["client"]
    method = settings["method"]
    session = session_of(
        app,
        scope="profile:read",
        redirect_uri=settings["redirect_uri"],
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    )
    verifier = generate_token(48)
    address, state = session.create_authorization_url(metadata.authorization_endpoint, code_verifier=verifier)
    back = agree(address, settings["redirect_uri"], settings["username"], settings["password"])
    first = dict(
        session.fetch_token(
            metadata.token_endpoint, authorization_response=back, state=state, code_verifier=verifier
        )
    )
    profile = session.post(f"{settings['issuer']}/getprofile", timeout=10)
    second = dict(session.refresh_token(metadata.token_endpoint))
    active = session.introspect_token(metadata.introspection_endpoint, token=second["access_token"])
    revoked = session.revoke_token(
        metadata.revocation_endpoint, token=second["refresh_token"], token_type_hint="refresh_token"
    )
    after = session.introspect_token(metadata.introspection_endpoint, token=second["access_token"])
    try:
        session.refresh_token(metadata.token_endpoint, refresh_token=second["refresh_token"])
        renewal = "granted"
    except OAuthError as error:
        renewal = error.error
    return {
        "profile": profile.json(),
        "first": first,
        "second": second,
        "introspection": active.json(),
        "revocation": revoked.status_code,
        "after_revocation": after.json(),
        "renewal_after_revocation": renewal,
    }


def private_key_jwt(settings):
    metadata = discover(settings)
    app = {"client_id": settings["client"]["client_id"], "client_secret": settings["private_key"]}
    session = session_of(app, token_endpoint_auth_method="private_key_jwt")

    def fetch(seconds):
        # Made anew for every request: Authlib writes the jti into the dictionary that it is given.
        claims = {"exp": int(time.time()) + seconds}
        session.register_client_auth_method(
            PrivateKeyJWT(metadata.token_endpoint, claims=claims, alg=settings["alg"])
        )
        return session.fetch_token(metadata.token_endpoint, grant_type="client_credentials")

    fetched = [dict(fetch(120)) for _ in range(2)]
    seen = session.get(f"{settings['issuer']}/whoami", timeout=10).json()
    try:
        fetch(3600)
        of_an_hour = "granted"
    except OAuthError as error:
        of_an_hour = error.error
    return {"tokens": fetched, "whoami": seen, "of_an_hour": of_an_hour}


CASES = {
    case.__name__: case
    for case in (discovery, client_credentials, refused, tokens, authorization_code, private_key_jwt)
}

asked = json.load(sys.stdin)
json.dump(CASES[asked["case"]](asked), sys.stdout)
