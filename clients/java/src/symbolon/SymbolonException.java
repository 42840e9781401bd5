package symbolon;

/** Why there is no customer token. Never holds a token, a password or an answer of the service. */
public final class SymbolonException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What the app can do about it. */
  public enum Kind {
    /** Nobody is signed in on this device, or not any more: let the customer sign in. */
    SIGNED_OUT,
    /** User name or password is wrong. */
    INVALID_CREDENTIALS,
    /** Too many attempts: wait for {@link #retryAfterSeconds}. */
    RATE_LIMITED,
    /** No answer in time, or the service cannot answer now: who was signed in still is. Try again. */
    UNAVAILABLE,
    /** The service refuses for a reason that another try does not mend; {@link #code} names it. */
    REFUSED
  }

  private final Kind kind;
  private final String code;
  private final int retryAfterSeconds;

  SymbolonException(Kind kind, String code, int retryAfterSeconds, Throwable cause) {
    super(kind + (code.isEmpty() ? "" : " " + code), cause);
    this.kind = kind;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  SymbolonException(Kind kind, String code) {
    this(kind, code, 0, null);
  }

  public Kind kind() {
    return kind;
  }

  /** The service's own word, such as {@code ACCOUNT_LOCKED}; empty where there was no answer. */
  public String code() {
    return code;
  }

  /** Seconds until another try makes sense; 0 where nobody said. */
  public int retryAfterSeconds() {
    return retryAfterSeconds;
  }
}
