package clouds

// Google: Memorystore takes an access token as the password.

import (
	"cmp"
	"context"
	"fmt"

	"golang.org/x/oauth2/google"
)

const (
	// googleScope is what the token is for, and googleUser whom Memorystore lets in with it.
	// https://cloud.google.com/memorystore/docs/cluster/about-iam-auth
	// https://cloud.google.com/memorystore/docs/valkey/about-iam-auth
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
	googleUser  = "default"
)

// Google gets a token for the identity of this process, by Google's application default credentials: the file that
// GOOGLE_APPLICATION_CREDENTIALS names, gcloud's own, or the metadata server. An empty user is Redis's default user.
func Google(ctx context.Context, user string) (Login, error) {
	return within(ctx, "Google", func(ctx context.Context) (Login, error) {
		identity, err := google.FindDefaultCredentials(ctx, googleScope)
		if err != nil {
			return Login{}, err
		}
		token, err := identity.TokenSource.Token()
		if err != nil {
			return Login{}, fmt.Errorf("no token for the Google identity: %w", err)
		}
		return Login{User: cmp.Or(user, googleUser), Password: token.AccessToken, Expires: token.Expiry}, nil
	})
}
