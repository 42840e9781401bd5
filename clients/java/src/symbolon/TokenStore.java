package symbolon;

import java.util.Optional;

/**
 * Keeps the refresh token of this device between two runs of the app, encrypted by the system (Keystore, Keychain). One
 * token at a time; called by one thread at a time. An exception of {@link #save} fails the renewal, and the token that
 * was to be kept is lost with it: keep it simple and local.
 */
public interface TokenStore {
  Optional<String> load();

  /** Replaces what was kept. Returns only when it would survive the end of the process. */
  void save(String refreshToken);

  void clear();

  /** Keeps the token in memory alone: for tests and programs that sign in at each start. */
  static TokenStore inMemory() {
    return new TokenStore() {
      private volatile String kept;

      @Override
      public Optional<String> load() {
        return Optional.ofNullable(kept);
      }

      @Override
      public void save(String refreshToken) {
        kept = refreshToken;
      }

      @Override
      public void clear() {
        kept = null;
      }
    };
  }
}
