package doctor

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// NewestURL is where the newest version is asked for.
const NewestURL = "https://api.github.com/repos/telematicsctl/telematicsctl/releases/latest"

// NewestPage is where it can be had.
const NewestPage = "https://github.com/telematicsctl/telematicsctl/releases/latest"

// Newest compares a version with the newest one that was released. It asks NewestURL, which is
// told no more than that somebody asks.
func Newest(version string, transport http.RoundTripper) Check {
	check := Check{Name: "newest-version", Title: "Newest version"}
	check.Run = func(ctx context.Context) []Finding {
		newest, err := newestVersion(ctx, transport)
		switch {
		case err != nil:
			return check.unknown("api.github.com does not say: " + failure.From(err).Error())
		case olderThan(version, newest):
			return check.warning(version+" is in use, "+newest+" is the newest", RemedyUpdate, NewestPage)
		}
		return check.good(version + " is in use, " + newest + " is the newest")
	}
	return check
}

func newestVersion(ctx context.Context, transport http.RoundTripper) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, NewestURL, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("User-Agent", "telematicsctl")
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", userservice.Diagnose(ctx, err, request.URL.Host)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return "", failure.Newf(failure.Unavailable, "%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	var release struct {
		TagName string `json:"tag_name"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&release); err != nil || release.TagName == "" {
		return "", failure.New(failure.Unavailable, "the answer names no version")
	}
	return strings.TrimPrefix(release.TagName, "v"), nil
}

// olderThan reports whether a version is older than another: major.minor.patch, and a
// pre-release of a version before the version. A name such as dev is not older than any.
func olderThan(version, newest string) bool {
	a, preA, okA := numbersOf(version)
	b, preB, okB := numbersOf(newest)
	if !okA || !okB {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return preA && !preB
}

func numbersOf(version string) (numbers [3]int, preRelease, ok bool) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "+")
	core, _, preRelease := strings.Cut(version, "-")
	parts := strings.Split(core, ".")
	if len(parts) != len(numbers) {
		return numbers, false, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return numbers, false, false
		}
		numbers[i] = n
	}
	return numbers, preRelease, true
}
