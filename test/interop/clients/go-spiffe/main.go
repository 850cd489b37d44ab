// A workload in Go that gets its identity by go-spiffe. What it finds it prints as JSON, one object per line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/status"
)

type object map[string]any

func say(what object) {
	line, _ := json.Marshal(what)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		say(object{"error": err.Error(), "code": status.Code(err).String()})
		os.Exit(1)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	switch os.Args[1] {
	case "fetch":
		fetch(ctx, os.Args[2])
	case "wit":
		wit(ctx)
	case "watch":
		watch(ctx)
	case "serve":
		serve(ctx, os.Args[2])
	case "call":
		call(ctx, os.Args[2], os.Args[3])
	default:
		panic(os.Args[1])
	}
}

// The sources wait until they have something; a client of its own learns at once what is refused.
func refusedAtOnce(ctx context.Context) *workloadapi.Client {
	client, err := workloadapi.New(ctx)
	must(err)
	_, err = client.FetchX509SVID(ctx)
	must(err)
	return client
}

func fetch(ctx context.Context, audience string) {
	client := refusedAtOnce(ctx)
	defer client.Close()
	x509, err := client.FetchX509Context(ctx)
	must(err)
	source, err := workloadapi.NewX509Source(ctx)
	must(err)
	defer source.Close()
	svid, err := source.GetX509SVID()
	must(err)
	jwts, err := workloadapi.NewJWTSource(ctx)
	must(err)
	defer jwts.Close()
	token, err := jwts.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience, Subject: svid.ID})
	must(err)
	checked, err := jwtsvid.ParseAndValidate(token.Marshal(), jwts, []string{audience})
	must(err)
	validated, err := client.ValidateJWTSVID(ctx, token.Marshal(), audience)
	must(err)
	_, forOther := client.ValidateJWTSVID(ctx, token.Marshal(), "another")
	_, noAudience := client.FetchJWTSVIDs(ctx, jwtsvid.Params{})
	both, err := workloadapi.NewBundleSource(ctx)
	must(err)
	defer both.Close()
	own, err := both.GetBundleForTrustDomain(svid.ID.TrustDomain())
	must(err)
	bundles, err := client.FetchX509Bundles(ctx)
	must(err)
	jwtBundles, err := client.FetchJWTBundles(ctx)
	must(err)
	say(object{
		"svids": svidsOf(x509), "default": svid.ID.String(),
		"jwt":     object{"id": token.ID.String(), "audience": token.Audience, "checked": checked.ID.String(), "validated": validated.ID.String()},
		"bundles": object{"own": object{"x509": len(own.X509Authorities()), "jwt": len(own.JWTAuthorities())}, "x509": domainsOf(bundles), "jwt": jwtDomainsOf(jwtBundles)},
		"refused": object{"audience": status.Code(forOther).String(), "empty": status.Code(noAudience).String()},
	})
}

func wit(ctx context.Context) {
	client := refusedAtOnce(ctx)
	defer client.Close()
	svid, err := client.FetchWITSVID(ctx, "")
	must(err)
	bundles, err := client.FetchWITBundles(ctx)
	must(err)
	names := []string{}
	for _, bundle := range bundles.Bundles() {
		names = append(names, bundle.TrustDomain().Name())
	}
	say(object{"id": svid.ID.String(), "bundles": names})
}

func svidsOf(context *workloadapi.X509Context) []object {
	all := []object{}
	for _, svid := range context.SVIDs {
		leaf := svid.Certificates[0]
		all = append(all, object{"id": svid.ID.String(), "hint": svid.Hint, "serial": fmt.Sprintf("%032x", leaf.SerialNumber), "chain": len(svid.Certificates)})
	}
	return all
}

func domainsOf(set *x509bundle.Set) []string {
	names := []string{}
	for _, bundle := range set.Bundles() {
		names = append(names, bundle.TrustDomain().Name())
	}
	return names
}

func jwtDomainsOf(set *jwtbundle.Set) []string {
	names := []string{}
	for _, bundle := range set.Bundles() {
		names = append(names, bundle.TrustDomain().Name())
	}
	return names
}

type watcher struct{}

func (watcher) OnX509ContextUpdate(context *workloadapi.X509Context) {
	say(object{"svids": svidsOf(context), "bundles": domainsOf(context.Bundles)})
}

func (watcher) OnX509ContextWatchError(err error) {
	say(object{"error": err.Error(), "code": status.Code(err).String()})
}

// Until the standard input ends.
func watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		cancel()
	}()
	client, err := workloadapi.New(ctx)
	must(err)
	defer client.Close()
	err = client.WatchX509Context(ctx, watcher{})
	say(object{"ended": status.Code(err).String()})
}

func serve(ctx context.Context, peer string) {
	source, err := workloadapi.NewX509Source(ctx)
	must(err)
	defer source.Close()
	config := tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(spiffeid.RequireFromString(peer)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := &http.Server{TLSConfig: config, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].URIs[0].String())
	})}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	say(object{"port": listener.Addr().(*net.TCPAddr).Port})
	_ = server.ServeTLS(listener, "", "")
}

func call(ctx context.Context, url string, peer string) {
	source, err := workloadapi.NewX509Source(ctx)
	must(err)
	defer source.Close()
	config := tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(spiffeid.RequireFromString(peer)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	reply, err := client.Get(url)
	must(err)
	body, err := io.ReadAll(reply.Body)
	must(err)
	say(object{"status": reply.StatusCode, "body": string(body)})
}
