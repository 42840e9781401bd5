import symbolon.CustomerToken;
import symbolon.SymbolonException;
import symbolon.SymbolonSession;
import symbolon.TokenStore;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Lets a test drive the client: one command on a line, its words parted by tabs, and one line as the answer. */
public final class Driver {
  private static final AtomicLong aheadMs = new AtomicLong();
  private static final AtomicInteger told = new AtomicInteger();
  private static TokenStore store = TokenStore.inMemory();
  private static SymbolonSession session;

  private static final Clock CLOCK =
      new Clock() {
        @Override
        public Instant instant() {
          return Instant.now().plusMillis(aheadMs.get());
        }

        @Override
        public ZoneId getZone() {
          return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
          return this;
        }
      };

  private Driver() {}

  public static void main(String[] args) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      System.out.println(answer(line.split("\t")));
    }
  }

  private static String answer(String[] words) throws InterruptedException {
    try {
      return carryOut(words);
    } catch (SymbolonException error) {
      return "error " + error.kind();
    }
  }

  private static String carryOut(String[] words) throws SymbolonException, InterruptedException {
    switch (words[0]) {
      case "open":
        store = TokenStore.inMemory();
        told.set(0);
        return reopen(words);
      case "reopen":
        return reopen(words);
      case "sign-in":
        return session.signIn(words[1], words[2], words.length > 3 ? words[3] : null).jwt();
      case "token":
        return session.token(words.length > 1).jwt();
      case "together":
        return together(Integer.parseInt(words[1]), words.length > 2);
      case "sleep":
        aheadMs.addAndGet(Long.parseLong(words[1]) * 1_000);
        return "ok";
      case "idle":
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
          if (thread.getName().equals("symbolon-renewal")) thread.join();
        }
        return "ok";
      case "sign-out":
        String[] reset = {"no reset"};
        session.signOut(words.length > 1, () -> reset[0] = store.load().isPresent() ? "too early" : "ok");
        return reset[0];
      case "state":
        return session.isSignedIn() + " " + told.get();
      case "stored":
        return store.load().orElse("nothing");
      case "keep":
        store.save(words[1]);
        return "ok";
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private static String reopen(String[] words) {
    session =
        SymbolonSession.builder(URI.create(words[1]), words[2])
            .store(store)
            .clock(CLOCK)
            .patience(Duration.ofMillis(Long.parseLong(words[3])))
            .onSignedOut(told::incrementAndGet)
            .build();
    return "ok";
  }

  /** That many threads ask at the same moment: how many got one, how many tokens there were, what went wrong. */
  private static String together(int count, boolean needsRefresh) throws InterruptedException {
    CountDownLatch ready = new CountDownLatch(count);
    CountDownLatch go = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(count);
    AtomicInteger served = new AtomicInteger();
    Set<String> tokens = ConcurrentHashMap.newKeySet();
    Set<String> errors = ConcurrentHashMap.newKeySet();
    for (int n = 0; n < count; n++) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  ready.countDown();
                  go.await();
                  CustomerToken token = session.token(needsRefresh);
                  tokens.add(token.jwt());
                  served.incrementAndGet();
                } catch (SymbolonException error) {
                  errors.add(error.kind().name());
                } catch (InterruptedException | RuntimeException error) {
                  errors.add(error.getClass().getName());
                } finally {
                  done.countDown();
                }
              });
      thread.setDaemon(true);
      thread.start();
    }
    ready.await();
    go.countDown();
    done.await();
    return served.get() + " " + tokens.size() + " " + String.join(",", errors);
  }
}
