package clouds

// AWS: the signature of the token, and where the keys come from.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// keys are those of an identity of AWS.
type keys struct{ id, secret, session string }

var (
	own      = keys{"AKIDOWN", "sesame/own+secret", ""}
	assumed  = keys{"ASIAROLE", "sesame/role", "session/of+the=role"}
	inEnv    = []string{"AWS_ACCESS_KEY_ID=" + own.id, "AWS_SECRET_ACCESS_KEY=" + own.secret}
	forCache = []string{"aws", "--cache=My-Cache", "--user=relay", "--region=eu-west-1"}
)

// signature computes the signature of a token, by the steps of Signature Version 4 for a query.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (k keys) signature(host, service, region string, query url.Values) string {
	signed := url.Values{}
	for name, values := range query {
		if name != "X-Amz-Signature" {
			signed[name] = values
		}
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sorted := strings.ReplaceAll(signed.Encode(), "+", "%20")
	request := strings.Join([]string{"GET", "/", sorted, "host:" + host + "\n", "host", hash("")}, "\n")
	at := query.Get("X-Amz-Date")
	scope := strings.Join([]string{at[:8], region, service, "aws4_request"}, "/")
	key := []byte("AWS4" + k.secret)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hash(request)) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// check judges a token as ElastiCache and MemoryDB do.
func (k keys) check(t *testing.T, l login, service string, resource string) {
	t.Helper()
	host, rest, ok := strings.Cut(l.Password, "/?")
	query, err := url.ParseQuery(rest)
	if !ok || err != nil || host != "my-cache" || l.User != "relay" {
		t.Fatalf("%v: %+v", err, l)
	}
	at, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil || time.Since(at) > time.Minute || time.Since(at) < -time.Second {
		t.Fatalf("signed at %v, %v", at, err)
	}
	for name, want := range map[string]string{
		"Action": "connect", "User": "relay", "ResourceType": resource, "X-Amz-Expires": "900",
		"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-SignedHeaders": "host", "X-Amz-Security-Token": k.session,
		"X-Amz-Credential": k.id + "/" + at.Format("20060102") + "/eu-west-1/" + service + "/aws4_request",
		"X-Amz-Signature":  k.signature(host, service, "eu-west-1", query),
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestAWSSignature computes the signature again, from the secret key.
func TestAWSSignature(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service, resource string
		args              []string
	}{
		{"elasticache", "", nil},
		{"elasticache", "ServerlessCache", []string{"--serverless"}},
		{"memorydb", "", []string{"--service=memorydb"}},
	} {
		l := get(t, inEnv, append(forCache[:4:4], tt.args...)...)
		own.check(t, l, tt.service, tt.resource)
		l.expiresIn(t, 15*time.Minute)
	}
	env := append(inEnv[:2:2], "AWS_SESSION_TOKEN=session/of+the=user", "AWS_REGION=eu-west-1")
	l := get(t, env, forCache[:3]...)
	keys{own.id, own.secret, "session/of+the=user"}.check(t, l, "elasticache", "")
}

// roleHolds is for how long the keys of a role hold, less than a token.
const roleHolds = 10 * time.Minute

// asJSON is how containers and instances are told keys.
func (k keys) asJSON() string {
	return `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"` + k.id + `","SecretAccessKey":"` + k.secret +
		`","Token":"` + k.session + `","Expiration":"` + time.Now().Add(roleHolds).UTC().Format(time.RFC3339) + `"}`
}

func TestAWSWebIdentity(t *testing.T) {
	t.Parallel()
	sts := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("WebIdentityToken") != "token-of-the-pod" {
			w.WriteHeader(http.StatusBadRequest)
			write(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>`+
				`<Code>InvalidIdentityToken</Code><Message>Not ours</Message></Error></ErrorResponse>`)
			return
		}
		if r.Method != http.MethodPost || r.FormValue("Action") != "AssumeRoleWithWebIdentity" ||
			r.FormValue("Version") != "2011-06-15" || r.FormValue("RoleArn") != "arn:aws:iam::1:role/relay" ||
			r.FormValue("RoleSessionName") != "redis-relay" {
			reject(w, r)
			return
		}
		write(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
			`<AssumeRoleWithWebIdentityResult><Credentials><SessionToken>%s</SessionToken><SecretAccessKey>%s</SecretAccessKey>`+
			`<Expiration>%s</Expiration><AccessKeyId>%s</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>`+
			`</AssumeRoleWithWebIdentityResponse>`, assumed.session, assumed.secret,
			time.Now().Add(roleHolds).UTC().Format(time.RFC3339), assumed.id)
	})
	env := func(token string) []string {
		return []string{"AWS_ENDPOINT_URL_STS=" + sts.URL, "AWS_WEB_IDENTITY_TOKEN_FILE=" + file(t, token)}
	}
	role := "AWS_ROLE_ARN=arn:aws:iam::1:role/relay"
	l := get(t, append(env("token-of-the-pod\n"), role), forCache...)
	assumed.check(t, l, "elasticache", "")
	l.expiresIn(t, roleHolds) // a token does not hold longer than the keys that signed it

	r := run(t, append(env("sesame"), role), forCache...)
	r.says(t, 1, "credentials aws: no AWS identity from the web identity: ", "InvalidIdentityToken: Not ours")
	r = run(t, env("sesame"), forCache...)
	r.says(t, 1, "AWS_ROLE_ARN is not set")
	r = run(t, []string{"AWS_WEB_IDENTITY_TOKEN_FILE=/no/such/token", role}, forCache...)
	r.says(t, 1, "AWS_WEB_IDENTITY_TOKEN_FILE: open /no/such/token: no such file")
}

func TestAWSContainer(t *testing.T) {
	t.Parallel()
	agent := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token-of-the-pod" || r.URL.Path != "/v1/credentials" {
			reject(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		write(w, "%s", assumed.asJSON())
	})
	l := get(t, []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + agent.URL + "/v1/credentials",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file(t, "token-of-the-pod\n"),
	}, forCache...)
	assumed.check(t, l, "elasticache", "")
	l.expiresIn(t, roleHolds)
	r := run(t, []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/x"}, forCache...)
	r.says(t, 1, "AWS_CONTAINER_CREDENTIALS_FULL_URI is http://192.0.2.1/x; it must begin with https://")
}

func TestAWSInstance(t *testing.T) {
	t.Parallel()
	const folder = "/latest/meta-data/iam/security-credentials/"
	imds := fake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			write(w, "token-of-the-session")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token-of-the-session":
			reject(w, r)
		case r.URL.Path == folder:
			write(w, "relay-role")
		case r.URL.Path == folder+"relay-role":
			write(w, "%s", assumed.asJSON())
		default:
			http.NotFound(w, r)
		}
	})
	l := get(t, []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + imds.URL}, forCache...)
	assumed.check(t, l, "elasticache", "")
	l.expiresIn(t, roleHolds)
}
