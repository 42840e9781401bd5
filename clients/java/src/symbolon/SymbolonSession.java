package symbolon;

import symbolon.BridgeCalls.Grant;
import symbolon.SymbolonException.Kind;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The customer who is signed in on this device, and customer tokens that are good right now. One object for the whole
 * app; every method may be called by any thread. Renewals happen one at a time, however many threads wait for them.
 */
public final class SymbolonSession {
  /** Share of its life after which a token is renewed. */
  private static final double RENEW_AT = 0.8;
  /** A token that was renewed because somebody refused the one before is not renewed again for that within this time. */
  private static final Duration FRESH = Duration.ofSeconds(30);
  /** The service gives the same answer again for ten seconds: so long the same refresh token is sent again. */
  private static final long[] PAUSES_MS = {0, 200, 1_000, 3_000};
  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration SIGN_IN = Duration.ofSeconds(15);

  /** A token with its age, counted from the moment it was asked for. */
  private static final class Held {
    final CustomerToken token;
    final long askedMs;
    final long lifeMs;
    final boolean fresh;

    Held(Grant grant, long askedMs, boolean fresh) {
      this.token = grant.token;
      this.askedMs = askedMs;
      this.lifeMs = grant.lifeSeconds * 1_000;
      this.fresh = fresh;
    }
  }

  private final BridgeCalls calls;
  private final String channel;
  private final TokenStore store;
  private final Clock clock;
  private final Duration patience;
  private final Runnable onSignedOut;

  private final Object lock = new Object();
  private Held held;
  private CompletableFuture<Held> underWay;
  /** Raised by each sign-in and sign-out: answers to older questions count no more. */
  private int epoch;

  private SymbolonSession(Builder builder) {
    calls = new BridgeCalls(builder.base);
    channel = builder.channel;
    store = builder.store;
    clock = builder.clock;
    patience = builder.patience;
    onSignedOut = builder.onSignedOut;
  }

  public static Builder builder(URI base, String channel) {
    return new Builder(base, channel);
  }

  /** What a session is made of; everything but the address and the channel has a default. */
  public static final class Builder {
    private final URI base;
    private final String channel;
    private TokenStore store = TokenStore.inMemory();
    private Clock clock = Clock.systemUTC();
    private Duration patience = Duration.ofSeconds(2);
    private Runnable onSignedOut = () -> {};

    private Builder(URI base, String channel) {
      this.base = Objects.requireNonNull(base);
      this.channel = Objects.requireNonNull(channel);
    }

    public Builder store(TokenStore value) {
      store = Objects.requireNonNull(value);
      return this;
    }

    public Builder clock(Clock value) {
      clock = Objects.requireNonNull(value);
      return this;
    }

    /** How long a caller of {@link #token} waits for a renewal. Default: two seconds. */
    public Builder patience(Duration value) {
      patience = Objects.requireNonNull(value);
      return this;
    }

    /** Called when the service says that the device is signed out; not for {@link #signOut}. On any thread. */
    public Builder onSignedOut(Runnable value) {
      onSignedOut = Objects.requireNonNull(value);
      return this;
    }

    public SymbolonSession build() {
      return new SymbolonSession(this);
    }
  }

  /** Whether somebody signed in here and did not sign out; asks no server. */
  public boolean isSignedIn() {
    synchronized (lock) {
      return store.load().isPresent();
    }
  }

  /**
   * Signs in with a password. {@code deviceName}: what the customer sees in the list of devices, at most 64 characters;
   * null for none. Whoever was signed in before is not any more on this device.
   */
  public CustomerToken signIn(String username, String password, String deviceName) throws SymbolonException {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("channel", channel);
    fields.put("delivery", "token");
    fields.put("username", username);
    fields.put("password", password);
    if (deviceName != null) fields.put("device_name", deviceName);
    long askedMs = clock.millis();
    Grant grant = calls.authenticate(fields, SIGN_IN);
    synchronized (lock) {
      epoch++;
      underWay = null;
      store.save(grant.refreshToken);
      held = new Held(grant, askedMs, false);
      return held.token;
    }
  }

  /** A token that lives: the held one, or a renewed one. */
  public CustomerToken token() throws SymbolonException {
    return token(false);
  }

  /**
   * The same. {@code needsRefresh}: the held token was refused. May be called on a thread that the chat blocks: it
   * returns or throws within the patience. While a renewal fails, the held token is given out as long as it lives.
   */
  public CustomerToken token(boolean needsRefresh) throws SymbolonException {
    Held before;
    CompletableFuture<Held> renewal;
    synchronized (lock) {
      before = held;
      if (before != null && (needsRefresh ? isFresh(before) : livesWithin(before, RENEW_AT))) return before.token;
      if (underWay == null) begin(needsRefresh);
      renewal = underWay;
    }
    try {
      return renewal.get(patience.toMillis(), TimeUnit.MILLISECONDS).token;
    } catch (TimeoutException late) {
      return stillGood(before, needsRefresh, new SymbolonException(Kind.UNAVAILABLE, "", 0, late));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new SymbolonException(Kind.UNAVAILABLE, "", 0, interrupted);
    } catch (ExecutionException failed) {
      if (failed.getCause() instanceof SymbolonException) {
        return stillGood(before, needsRefresh, (SymbolonException) failed.getCause());
      }
      throw new SymbolonException(Kind.UNAVAILABLE, "", 0, failed.getCause());
    }
  }

  private CustomerToken stillGood(Held before, boolean refused, SymbolonException error) throws SymbolonException {
    synchronized (lock) {
      boolean good = before != null && before == held && !refused && livesWithin(before, 1);
      if (good && error.kind() != Kind.SIGNED_OUT) return before.token;
    }
    throw error;
  }

  /**
   * Signs out, in this order: this device forgets, so that the chat gets no token any more; {@code resetChat} runs; the
   * service ends the session, with {@code everywhere} all of the customer's. A failure says that the service could not be
   * told; this device is signed out all the same.
   */
  public void signOut(boolean everywhere, Runnable resetChat) throws SymbolonException {
    Optional<String> refreshToken;
    synchronized (lock) {
      refreshToken = store.load();
      forget();
    }
    resetChat.run();
    if (refreshToken.isPresent()) calls.signOut(refreshToken.get(), everywhere, CALL);
  }

  private void forget() {
    epoch++;
    held = null;
    underWay = null;
    store.clear();
  }

  /** A clock that went back by more than a second makes a token too old. */
  private boolean livesWithin(Held one, double share) {
    long ageMs = clock.millis() - one.askedMs;
    return ageMs > -1_000 && ageMs < one.lifeMs * share;
  }

  private boolean isFresh(Held one) {
    long ageMs = clock.millis() - one.askedMs;
    return one.fresh && ageMs > -1_000 && ageMs < FRESH.toMillis();
  }

  /** Starts the one renewal; holds the lock. It goes on when its callers lose their patience. */
  private void begin(boolean fresh) throws SymbolonException {
    String refreshToken = store.load().orElseThrow(() -> new SymbolonException(Kind.SIGNED_OUT, ""));
    CompletableFuture<Held> renewal = new CompletableFuture<>();
    underWay = renewal;
    int asked = epoch;
    Thread thread = new Thread(() -> run(renewal, refreshToken, asked, fresh), "symbolon-renewal");
    thread.setDaemon(true);
    thread.start();
  }

  private void run(CompletableFuture<Held> renewal, String refreshToken, int asked, boolean fresh) {
    boolean ended = false;
    try {
      long askedMs = clock.millis();
      Grant grant = renewed(refreshToken);
      Held next = new Held(grant, askedMs, fresh);
      synchronized (lock) {
        if (asked != epoch) throw new SymbolonException(Kind.SIGNED_OUT, "");
        // First kept, then used: once the new customer token is used the old refresh token is over.
        store.save(grant.refreshToken);
        held = next;
        underWay = null;
      }
      renewal.complete(next);
    } catch (SymbolonException | RuntimeException error) {
      synchronized (lock) {
        if (asked == epoch) {
          underWay = null;
          ended = error instanceof SymbolonException && ((SymbolonException) error).kind() == Kind.SIGNED_OUT;
          if (ended) forget();
        }
      }
      renewal.completeExceptionally(error);
    }
    if (ended) onSignedOut.run();
  }

  /** Sends the same refresh token again where no answer came: the service then repeats the answer that was lost. */
  private Grant renewed(String refreshToken) throws SymbolonException {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("grant_type", "refresh_token");
    fields.put("refresh_token", refreshToken);
    fields.put("channel", channel);
    SymbolonException last = null;
    for (long pauseMs : PAUSES_MS) {
      try {
        Thread.sleep(pauseMs);
        return calls.authenticate(fields, CALL);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
        throw new SymbolonException(Kind.UNAVAILABLE, "", 0, interrupted);
      } catch (SymbolonException error) {
        if (error.kind() != Kind.UNAVAILABLE || error.retryAfterSeconds() > 3) throw error;
        last = error;
      }
    }
    throw last;
  }
}
