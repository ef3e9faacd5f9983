package clouds

// Azure: whose token is asked for, and who the user is.

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// token is one of Entra, for an identity with an object id. Nobody looks at its signature here.
func token(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

const objectID = "0b1c-object"

var entraToken = token(`{"aud":"https://redis.azure.com","oid":"` + objectID + `"}`)

// managed is how App Service and Container Apps give tokens of managed identities.
func managed(t *testing.T, token string) (env []string) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Identity-Header") != "header-of-the-app" || r.FormValue("resource") != "https://redis.azure.com" ||
			r.FormValue("client_id") != "" && r.FormValue("client_id") != "client-1" {
			reject(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		write(w, `{"access_token":"%s","expires_on":"%d","resource":"https://redis.azure.com","token_type":"Bearer"}`,
			token, time.Now().Add(time.Hour).Unix())
	})
	return []string{"IDENTITY_ENDPOINT=" + s.URL + "/msi/token", "IDENTITY_HEADER=header-of-the-app"}
}

func TestAzureManagedIdentity(t *testing.T) {
	t.Parallel()
	env := managed(t, entraToken)
	for _, tt := range []struct {
		env, args []string
		user      string
	}{
		{nil, nil, objectID},
		{nil, []string{"--client-id=client-1"}, objectID},
		{[]string{"AZURE_CLIENT_ID=client-1"}, []string{"--user=other"}, "other"},
	} {
		l := get(t, append(env[:2:2], tt.env...), append([]string{"azure"}, tt.args...)...)
		if l.User != tt.user || l.Password != entraToken {
			t.Errorf("got %+v", l)
		}
		l.expiresIn(t, time.Hour)
	}
	r := run(t, managed(t, "opaque"), "azure")
	r.says(t, 1, "the token names no object id; give the id of the identity with --user")
	r = run(t, append(env[:2:2], "AZURE_CLIENT_ID=client-2"), "azure")
	r.says(t, 1, "credentials azure: no token for the managed identity (the environment names no other): ", "client-2")
}

// entra gives tokens to applications that prove who they are, over TLS.
func entra(t *testing.T) (env []string) {
	var s *httptest.Server
	s = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		base := s.URL + "/tenant-1"
		switch r.URL.Path {
		case "/tenant-1/v2.0/.well-known/openid-configuration":
			write(w, `{"issuer":"%[1]s/v2.0","authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/oauth2/v2.0/token"}`, base)
		case "/tenant-1/oauth2/v2.0/token":
			proven := r.FormValue("client_assertion") == "token-of-the-pod" || r.FormValue("client_secret") == "secret-of-the-app"
			if !proven || r.FormValue("client_id") != "client-1" || r.FormValue("grant_type") != "client_credentials" ||
				r.FormValue("scope") == "" {
				w.WriteHeader(http.StatusUnauthorized)
				write(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid proof"}`)
				return
			}
			write(w, `{"token_type":"Bearer","expires_in":%s,"access_token":"%s"}`, strconv.Itoa(3600), entraToken)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return []string{
		"AZURE_AUTHORITY_HOST=" + s.URL + "/", "SSL_CERT_FILE=" + file(t, string(trusted)),
		"AZURE_CLIENT_ID=client-1", "AZURE_TENANT_ID=tenant-1",
	}
}

func TestAzureEntra(t *testing.T) {
	t.Parallel()
	env := entra(t)
	for _, proof := range []string{
		"AZURE_FEDERATED_TOKEN_FILE=" + file(t, "token-of-the-pod\n"), "AZURE_CLIENT_SECRET=secret-of-the-app",
	} {
		l := get(t, append(env[:4:4], proof), "azure")
		if l.User != objectID || l.Password != entraToken {
			t.Errorf("got %+v", l)
		}
		l.expiresIn(t, time.Hour)
	}
	r := run(t, append(env[:4:4], "AZURE_CLIENT_SECRET=sesame"), "azure")
	r.says(t, 1, "credentials azure: no token for the service principal from https://127.0.0.1:", "AADSTS7000215")
	r = run(t, append(env[:2:2], "AZURE_CLIENT_SECRET=sesame"), "azure")
	r.says(t, 1, "AZURE_TENANT_ID is not set; it names the tenant of the service principal")
	r = run(t, append(env[:2:2], "AZURE_TENANT_ID=tenant-1", "AZURE_FEDERATED_TOKEN_FILE=/no/such/token"), "azure")
	r.says(t, 1, "AZURE_CLIENT_ID is not set; it names the workload identity; or give --client-id")
	r = run(t, append(env[:4:4], "AZURE_FEDERATED_TOKEN_FILE=/no/such/token"), "azure")
	r.says(t, 1, "AZURE_FEDERATED_TOKEN_FILE: open /no/such/token: no such file")
}
