package clouds

// AWS: ElastiCache and MemoryDB take a signed request as the password.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

const (
	// awsHolds is how long a token holds.
	// https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
	// https://docs.aws.amazon.com/memorydb/latest/devguide/auth-iam.html
	awsHolds = 15 * time.Minute
	// noBody is the SHA-256 of nothing.
	noBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	// ecsHost answers tasks of ECS.
	// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
	ecsHost = "http://169.254.170.2"
)

// AWSOptions say what the token is for.
type AWSOptions struct {
	Service    string // elasticache or memorydb
	Cache      string // name of the replication group, serverless cache or cluster
	Serverless bool   // of ElastiCache
	User       string // user of the cache, with IAM as its authentication
	Region     string // of the cache
}

// AWS signs a request to connect to a cache, with the keys of this process's identity. They come from the environment,
// a web identity (EKS), the container's credentials (ECS, EKS Pod Identity) or EC2, whichever is there first.
func AWS(ctx context.Context, o AWSOptions) (Login, error) {
	return within(ctx, "AWS", func(ctx context.Context) (Login, error) {
		source, provider, err := awsIdentity(o.Region)
		if err != nil {
			return Login{}, err
		}
		keys, err := provider.Retrieve(ctx)
		if err != nil {
			return Login{}, fmt.Errorf("no AWS identity from %s: %w", source, err)
		}
		return o.sign(ctx, keys, time.Now())
	})
}

// sign makes the token: the URL of the signed request, without its scheme.
func (o *AWSOptions) sign(ctx context.Context, keys aws.Credentials, now time.Time) (Login, error) {
	query := url.Values{
		"Action": {"connect"}, "User": {o.User}, "X-Amz-Expires": {strconv.Itoa(int(awsHolds / time.Second))},
	}
	if o.Serverless {
		query.Set("ResourceType", "ServerlessCache")
	}
	const scheme = "http://"
	address := scheme + strings.ToLower(o.Cache) + "/?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Login{}, err
	}
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, keys, req, noBody, o.Service, o.Region, now)
	if err != nil {
		return Login{}, err
	}
	expires := now.Add(awsHolds)
	if keys.CanExpire && keys.Expires.Before(expires) { // then the token does not hold longer either
		expires = keys.Expires
	}
	return Login{User: o.User, Password: strings.TrimPrefix(signed, scheme), Expires: expires}, nil
}

// awsIdentity finds where the keys come from, in the order of AWS's own SDKs. Profiles are not read.
func awsIdentity(region string) (source string, _ aws.CredentialsProvider, err error) {
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && secret != "":
		keys := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: os.Getenv("AWS_SESSION_TOKEN")}
		static := func(context.Context) (aws.Credentials, error) { return keys, nil }
		return "the environment", aws.CredentialsProviderFunc(static), nil
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		return "the web identity", newWebIdentity(region), nil
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "":
		return "ECS", container(ecsHost + os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")), nil
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		address := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
		if !isTrusted(address) {
			return "", nil, fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI is %s; it must begin with https://, or be an "+
				"address of this host, of ECS or of EKS", address)
		}
		return "the container's credentials", container(address), nil
	case os.Getenv("AWS_PROFILE") != "" && strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		return "", nil, errors.New("no AWS identity: profiles are not read; give AWS_ACCESS_KEY_ID and " +
			"AWS_SECRET_ACCESS_KEY, as aws configure export-credentials prints them")
	}
	return "EC2's metadata service (the environment names no other)", ec2rolecreds.New(), nil
}

// container returns what asks a container's agent for keys.
func container(address string) aws.CredentialsProvider {
	return endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) { return readToken(file) })
		}
	})
}

// agents are where ECS and EKS answer without TLS.
var agents = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

// isTrusted tells whether a token may be sent to an address, by the rule of AWS's SDKs.
func isTrusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip, _ := netip.ParseAddr(host)
	for _, agent := range agents {
		if ip == netip.MustParseAddr(agent) {
			return true
		}
	}
	return u.Scheme == "https" || ip.IsLoopback() || host == "localhost"
}

// readToken reads a token from a file, without the line break at its end.
func readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

// Region returns the region that the environment names; empty: none.
func Region() string { return cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")) }
