// Checks dashboards against Grafana's own types: fields that it does not know are refused, and so are values that its
// schema does not allow, down to the options of each kind of panel.
//
//	dashboards FILE...
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var board dashboard.Dashboard
	// Without a problem it returns an empty list of them, which is no nil.
	if err := board.UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
		return err
	}
	return errors.Join(board.Validate(), lost(raw))
}

// Some parts are not read strictly, `fieldConfig` among them: what Grafana does not know is not in what is written again.
func lost(raw []byte) error {
	var board dashboard.Dashboard
	if err := json.Unmarshal(raw, &board); err != nil {
		return err
	}
	again, err := json.Marshal(board)
	if err != nil {
		return err
	}
	var before, after any
	if err := errors.Join(json.Unmarshal(raw, &before), json.Unmarshal(again, &after)); err != nil {
		return err
	}
	return missing("", before, after)
}

func missing(path string, before, after any) error {
	var failures error
	switch before := before.(type) {
	case map[string]any:
		after, _ := after.(map[string]any)
		for key, value := range before {
			failures = errors.Join(failures, missing(path+"."+key, value, after[key]))
		}
	case []any:
		after, _ := after.([]any)
		for place, value := range before {
			var other any
			if place < len(after) {
				other = after[place]
			}
			failures = errors.Join(failures, missing(fmt.Sprintf("%s[%d]", path, place), value, other))
		}
	case nil:
	default:
		// False, 0 and the empty text are as good as absent.
		empty := before == false || before == 0.0 || before == ""
		if before != after && !(after == nil && empty) {
			failures = fmt.Errorf("%s: %v is nothing that Grafana knows", path, before)
		}
	}
	return failures
}

func main() {
	// Without these the options of panels and the queries of data sources are taken for anything.
	plugins.RegisterDefaultPlugins()
	var failures error
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", path, err))
		}
	}
	if failures != nil {
		fmt.Fprintln(os.Stderr, failures)
		os.Exit(1)
	}
}
