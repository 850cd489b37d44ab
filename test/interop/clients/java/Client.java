import io.spiffe.bundle.jwtbundle.JwtBundle;
import io.spiffe.bundle.x509bundle.X509BundleSet;
import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.spiffeid.TrustDomain;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.workloadapi.DefaultJwtSource;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.net.URI;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.Collections;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** A workload in Java that gets its identity by java-spiffe. What it finds it prints as JSON, one object per line. */
public final class Client {
  public static void main(String[] args) throws Exception {
    try {
      switch (args[0]) {
        case "fetch" -> fetch(args[1]);
        case "watch" -> watch();
        case "call" -> call(URI.create(args[1]), args[2]);
        case "serve" -> serve(args[1]);
        default -> throw new IllegalArgumentException(args[0]);
      }
    } catch (Exception error) {
      say("{\"error\":" + quoted(reasonOf(error)) + "}");
      System.exit(1);
    }
    System.exit(0);
  }

  private static void fetch(String audience) throws Exception {
    // The sources wait until they have something; a client of its own learns at once what is refused.
    X509Context context;
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      context = client.fetchX509Context();
    }
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient();
        DefaultX509Source source = DefaultX509Source.newSource();
        var tokens = DefaultJwtSource.newSource()) {
      SpiffeId own = source.getX509Svid().getSpiffeId();
      JwtSvid token = tokens.fetchJwtSvid(own, audience);
      JwtBundle bundle = tokens.getBundleForTrustDomain(own.getTrustDomain());
      JwtSvid checked = JwtSvid.parseAndValidate(token.getToken(), bundle, Set.of(audience));
      JwtSvid validated = client.validateJwtSvid(token.getToken(), audience);
      say("{\"svids\":" + svidsOf(context) + ",\"default\":" + quoted(own.toString())
          + ",\"jwt\":{\"id\":" + quoted(token.getSpiffeId().toString())
          + ",\"audience\":" + list(token.getAudience())
          + ",\"checked\":" + quoted(checked.getSpiffeId().toString())
          + ",\"validated\":" + quoted(validated.getSpiffeId().toString()) + "}"
          + ",\"bundles\":{\"x509\":" + domainsOf(client.fetchX509Bundles())
          + ",\"jwt\":" + list(client.fetchJwtBundles().getBundles().keySet().stream().map(TrustDomain::getName).toList())
          + "},\"refused\":{\"audience\":" + quoted(refusalOf(() -> client.validateJwtSvid(token.getToken(), "another"))) + "}}");
    }
  }

  private static void watch() throws Exception {
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      client.watchX509Context(new Watcher<>() {
        public void onUpdate(X509Context context) {
          say("{\"svids\":" + svidsOf(context) + ",\"bundles\":" + domainsOf(context.getX509BundleSet()) + "}");
        }

        public void onError(Throwable error) {
          say("{\"error\":" + quoted(reasonOf(error)) + "}");
        }
      });
      System.in.readAllBytes();
    }
  }

  private static SSLContext tls(DefaultX509Source source, String peer) throws Exception {
    return SpiffeSslContextFactory.getSslContext(SslContextOptions.builder()
        // It would be TLS 1.2, which agents of ours refuse.
        .sslProtocol("TLSv1.3")
        .x509Source(source)
        .acceptedSpiffeIdsSupplier(() -> Collections.singleton(SpiffeId.parse(peer)))
        .build());
  }

  private static void call(URI url, String peer) throws Exception {
    try (DefaultX509Source source = DefaultX509Source.newSource();
        SSLSocket socket = (SSLSocket) tls(source, peer).getSocketFactory().createSocket(url.getHost(), url.getPort())) {
      socket.getOutputStream().write(("GET / HTTP/1.1\r\nHost: " + url.getHost() + "\r\nConnection: close\r\n\r\n").getBytes());
      String text = new String(socket.getInputStream().readAllBytes());
      int body = text.indexOf("\r\n\r\n");
      say("{\"status\":" + text.split(" ")[1] + ",\"body\":" + quoted(text.substring(body + 4)) + "}");
    }
  }

  /** Answers each connection once, until the standard input ends. */
  private static void serve(String peer) throws Exception {
    DefaultX509Source source = DefaultX509Source.newSource();
    SSLServerSocket server = (SSLServerSocket) tls(source, peer).getServerSocketFactory().createServerSocket(0);
    server.setNeedClientAuth(true);
    say("{\"port\":" + server.getLocalPort() + "}");
    Thread answering = new Thread(() -> {
      while (true) {
        try (SSLSocket socket = (SSLSocket) server.accept()) {
          socket.startHandshake();
          X509Certificate leaf = (X509Certificate) socket.getSession().getPeerCertificates()[0];
          String name = (String) leaf.getSubjectAlternativeNames().iterator().next().get(1);
          socket.getInputStream().read(new byte[8192]);
          socket.getOutputStream().write(("HTTP/1.1 200 OK\r\nContent-Length: " + name.length()
              + "\r\nConnection: close\r\n\r\n" + name).getBytes());
        } catch (Exception refused) {
          System.err.println(reasonOf(refused));
        }
      }
    });
    answering.setDaemon(true);
    answering.start();
    System.in.readAllBytes();
  }

  private static String svidsOf(X509Context context) {
    return context.getX509Svids().stream()
        .map(svid -> "{\"id\":" + quoted(svid.getSpiffeId().toString())
            + ",\"hint\":" + quoted(svid.getHint() == null ? "" : svid.getHint())
            + ",\"serial\":" + quoted(String.format("%032x", svid.getLeaf().getSerialNumber()))
            + ",\"chain\":" + svid.getChain().size() + "}")
        .collect(Collectors.joining(",", "[", "]"));
  }

  private static String domainsOf(X509BundleSet set) {
    return list(set.getBundles().keySet().stream().map(TrustDomain::getName).toList());
  }

  private interface Act {
    void run() throws Exception;
  }

  private static String refusalOf(Act act) {
    try {
      act.run();
      return "";
    } catch (Exception error) {
      return reasonOf(error);
    }
  }

  private static String reasonOf(Throwable error) {
    StringBuilder all = new StringBuilder();
    for (Throwable at = error; at != null; at = at.getCause()) all.append(at).append("; ");
    return all.toString();
  }

  private static String list(Collection<String> items) {
    return items.stream().sorted().map(Client::quoted).collect(Collectors.joining(",", "[", "]"));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "") + '"';
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }
}
