package clouds

// AWS's web identity: a token of the cluster for the keys of a role. AWS's own client for this one question, which is
// not even signed, would cost every relay 0.3 MiB of memory.

import (
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxAnswer is how many bytes of an answer of STS are read.
const maxAnswer = 64 << 10

// webIdentity is a role, and the file with the token that is given for its keys.
type webIdentity struct {
	endpoint, role, session, file string
}

func newWebIdentity(region string) *webIdentity {
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain = "amazonaws.com.cn"
	}
	return &webIdentity{
		endpoint: cmp.Or(os.Getenv("AWS_ENDPOINT_URL_STS"), os.Getenv("AWS_ENDPOINT_URL"), "https://sts."+region+"."+domain),
		role:     os.Getenv("AWS_ROLE_ARN"),
		session:  cmp.Or(os.Getenv("AWS_ROLE_SESSION_NAME"), "redis-relay"),
		file:     os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"),
	}
}

// Retrieve asks STS for the keys.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (w *webIdentity) Retrieve(ctx context.Context) (aws.Credentials, error) {
	token, err := readToken(w.file)
	switch {
	case err != nil:
		return aws.Credentials{}, fmt.Errorf("AWS_WEB_IDENTITY_TOKEN_FILE: %w", err)
	case w.role == "":
		return aws.Credentials{}, fmt.Errorf("AWS_ROLE_ARN is not set; it names the role that the token in %s is for", w.file)
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {w.role}, "RoleSessionName": {w.session}, "WebIdentityToken": {token},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return aws.Credentials{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return aws.Credentials{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return aws.Credentials{}, err
	}
	return readKeys(res.Status, body)
}

// stsAnswer is what STS says: keys, or why there are none.
type stsAnswer struct {
	Keys struct {
		ID      string    `xml:"AccessKeyId"`
		Secret  string    `xml:"SecretAccessKey"`
		Session string    `xml:"SessionToken"`
		Expires time.Time `xml:"Expiration"`
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	Error struct{ Code, Message string }
}

// readKeys reads an answer of STS.
func readKeys(status string, body []byte) (aws.Credentials, error) {
	var answer stsAnswer
	err := xml.Unmarshal(body, &answer)
	keys := answer.Keys
	switch {
	case answer.Error.Code != "":
		return aws.Credentials{}, fmt.Errorf("STS answers %s: %s: %s", status, answer.Error.Code, answer.Error.Message)
	case err != nil || keys.ID == "" || keys.Secret == "":
		return aws.Credentials{}, fmt.Errorf("STS answers %s, without keys", status)
	}
	return aws.Credentials{
		AccessKeyID: keys.ID, SecretAccessKey: keys.Secret, SessionToken: keys.Session,
		CanExpire: true, Expires: keys.Expires,
	}, nil
}
