import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Says what Java's CertPathValidator and TLS think of certificates: a second opinion for tests, run as one file by
 * `java Verify.java`. Questions and answers are those of ../go-verify/main.go. CertPathValidator knows neither
 * purposes nor names of servers: the purpose is compared by hand here, a name is judged by `connect` alone.
 */
public final class Verify {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            try {
                answer(line.split("\t", -1));
                System.out.println("ok");
            } catch (Exception error) {
                System.out.println("refused " + String.valueOf(error.getMessage()).replace('\n', ' '));
            }
        }
    }

    private static void answer(String[] fields) throws Exception {
        if (fields[0].equals("path") && fields.length == 7) {
            path(fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]);
        } else if (fields[0].equals("connect") && fields.length == 4) {
            connect(fields[1], fields[2], fields[3]);
        } else {
            throw new Exception("expected a question, got " + fields[0] + " with " + fields.length + " fields");
        }
    }

    private static void path(String purpose, String name, String at, String roots, String intermediates, String leaf)
            throws Exception {
        if (!name.isEmpty()) throw new Exception("a name is judged by connect alone");
        List<X509Certificate> path = certificates(leaf);
        if (path.size() != 1) throw new Exception("expected one leaf");
        requirePurpose(purpose, path.get(0));
        path.addAll(certificates(intermediates));
        Set<TrustAnchor> anchors = new HashSet<>();
        for (X509Certificate root : certificates(roots)) anchors.add(new TrustAnchor(root, null));
        PKIXParameters parameters = new PKIXParameters(anchors);
        parameters.setRevocationEnabled(false);
        parameters.setDate(new Date(Long.parseLong(at) * 1000));
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        CertPathValidator.getInstance("PKIX").validate(factory.generateCertPath(path), parameters);
    }

    private static void requirePurpose(String purpose, X509Certificate leaf) throws Exception {
        String wanted = purpose.equals("server") ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2";
        List<String> usages = leaf.getExtendedKeyUsage();
        if (usages != null && !usages.contains(wanted)) throw new Exception("expected extended key usage " + wanted);
    }

    private static void connect(String address, String name, String roots) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        for (X509Certificate root : certificates(roots)) store.setCertificateEntry(root.getSerialNumber().toString(), root);
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(null, trust.getTrustManagers(), null);
        int colon = address.lastIndexOf(':');
        try (Socket plain = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
                SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, name, 0, true)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
        }
    }

    private static List<X509Certificate> certificates(String text) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509Certificate> list = new ArrayList<>();
        for (String part : text.split(",")) {
            if (part.isEmpty()) continue;
            byte[] der = Base64.getDecoder().decode(part);
            list.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
        }
        return list;
    }
}
