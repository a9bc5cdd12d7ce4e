{{- /*
KOTS's functions, written with those of Helm's engine. Each is given the state as its dot: its arguments are in .args,
what it comes to is put into .v with its own type, and what it prints is the name of that key.
*/ -}}

{{- define "kots.ConfigOption" -}}
{{- $_ := set . "v" (get .config (index .args 0)) -}}v
{{- end -}}

{{- define "kots.ConfigOptionName" -}}
{{- $_ := set . "v" (index .args 0 | toString) -}}v
{{- end -}}

{{- define "kots.ConfigOptionIndex" -}}
{{- $_ := set . "v" "" -}}v
{{- end -}}

{{- define "kots.ConfigOptionData" -}}
{{- $_ := set . "args" (list (get .config (index .args 0))) -}}
{{- include "kots.Base64Decode" . -}}
{{- end -}}

{{- define "kots.ConfigOptionFilename" -}}
{{- $_ := set . "v" (get .filenames (index .args 0)) -}}v
{{- end -}}

{{- define "kots.ConfigOptionEquals" -}}
{{- $name := index .args 0 -}}
{{- $_ := set . "v" (and (hasKey .config $name) (eq (get .config $name) (index .args 1))) -}}v
{{- end -}}

{{- define "kots.ConfigOptionNotEquals" -}}
{{- $name := index .args 0 -}}
{{- $_ := set . "v" (and (hasKey .config $name) (ne (get .config $name) (index .args 1))) -}}v
{{- end -}}

{{- define "kots.LicenseFieldValue" -}}
{{- $_ := set . "v" (get .license (index .args 0)) -}}v
{{- end -}}

{{- define "kots.LocalImageName" -}}
{{- $image := index .args 0 -}}
{{- $_ := set .asked $image true -}}
{{- $_ := set . "v" (hasKey .images $image | ternary (get .images $image) $image) -}}v
{{- end -}}

{{- /* The operator rewrites images where pods run them, so a reference may stay as it is written. */ -}}
{{- define "kots.ReplicatedImageName" -}}
{{- $_ := set . "v" (index .args 0 | toString) -}}v
{{- end -}}

{{- define "kots.HelmValue" -}}
{{- $value := .chart -}}
{{- range (index .args 0 | trimPrefix ".Values" | splitList "." ) -}}
{{- if . -}}
{{- if kindIs "map" $value -}}{{- $value = get $value . -}}{{- else -}}{{- $value = "" -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set . "v" $value -}}v
{{- end -}}

{{- define "kots.NowFmt" -}}
{{- $format := index .args 0 | default "2006-01-02T15:04:05Z07:00" -}}
{{- $_ := set . "v" (dateInZone $format now "UTC") -}}v
{{- end -}}

{{- define "kots.Now" -}}
{{- $_ := set . "args" (list "") -}}
{{- include "kots.NowFmt" . -}}
{{- end -}}

{{- define "kots.Trim" -}}
{{- if gt (len .args) 1 -}}
{{- $_ := set . "v" (trimAll (index .args 1) (index .args 0)) -}}
{{- else -}}
{{- $_ := set . "v" (trim (index .args 0)) -}}
{{- end -}}v
{{- end -}}

{{- define "kots.Base64Decode" -}}
{{- $text := index .args 0 | replace "\n" "" | replace "\r" "" -}}
{{- $valid := and (eq (mod (len $text) 4) 0) (regexMatch "^[A-Za-z0-9+/]*={0,2}$" $text) -}}
{{- $_ := set . "v" (ternary $text "" $valid | b64dec) -}}v
{{- end -}}

{{- define "kots.Split" -}}
{{- $_ := set . "v" (splitList (index .args 1) (index .args 0)) -}}v
{{- end -}}

{{- define "kots.ParseBool" -}}
{{- $_ := set . "v" (has (index .args 0) (list "1" "t" "T" "true" "TRUE" "True")) -}}v
{{- end -}}

{{- define "kots.ParseFloat" -}}
{{- $_ := set . "v" (float64 (index .args 0)) -}}v
{{- end -}}

{{- /* A number in base ten is read as such, whatever its leading zeros; any other base is Go's own by its prefix. */ -}}
{{- define "kots.ParseInt" -}}
{{- $text := index .args 0 -}}
{{- $base := 10 -}}
{{- if gt (len .args) 1 -}}{{- $base = int (index .args 1) -}}{{- end -}}
{{- $value := int64 0 -}}
{{- if and (eq $base 10) (regexMatch "^[+-]?[0-9]+$" $text) -}}
{{- $sign := hasPrefix "-" $text | ternary "-" "" -}}
{{- $digits := regexReplaceAll "^[+-]?0*" $text "" | default "0" -}}
{{- $value = int64 (print $sign $digits) -}}
{{- else if and (eq $base 16) (regexMatch "^[0-9a-fA-F]+$" $text) -}}
{{- $value = int64 (print "0x" $text) -}}
{{- else if and (eq $base 8) (regexMatch "^[0-7]+$" $text) -}}
{{- $value = int64 (print "0o" $text) -}}
{{- else if and (eq $base 2) (regexMatch "^[01]+$" $text) -}}
{{- $value = int64 (print "0b" $text) -}}
{{- end -}}
{{- $_ := set . "v" $value -}}v
{{- end -}}

{{- define "kots.ParseUint" -}}
{{- $_ := include "kots.ParseInt" . -}}
{{- if lt .v (int64 0) -}}{{- $_ := set . "v" (int64 0) -}}{{- end -}}v
{{- end -}}

{{- define "kots.HumanSize" -}}
{{- $size := float64 (index .args 0) -}}
{{- $units := list "B" "kB" "MB" "GB" "TB" "PB" "EB" "ZB" "YB" -}}
{{- $unit := "B" -}}
{{- range $units -}}
{{- $unit = . -}}
{{- if or (lt $size 1000.0) (eq . "YB") -}}{{- break -}}{{- end -}}
{{- $size = divf $size 1000.0 -}}
{{- end -}}
{{- $_ := set . "v" (printf "%.4g%s" $size $unit) -}}v
{{- end -}}

{{- define "kots.YamlEscape" -}}
{{- $_ := set . "v" (print (index .args 0 | toYaml) "\n" | indent 20) -}}v
{{- end -}}

{{- /* Numbers: with a float among them the result is one, else they are whole; text counts as 0, as in KOTS. */ -}}
{{- define "kots.numbers" -}}
{{- $floats := false -}}
{{- $numbers := list -}}
{{- range .args -}}
{{- if kindIs "string" . -}}{{- $numbers = append $numbers 0 -}}
{{- else -}}{{- $numbers = append $numbers . -}}
{{- end -}}
{{- if hasPrefix "float" (kindOf .) -}}{{- $floats = true -}}{{- end -}}
{{- end -}}
{{- $_ := set . "args" $numbers -}}
{{- if $floats -}}float{{- end -}}
{{- end -}}

{{- define "kots.Add" -}}
{{- if include "kots.numbers" . -}}
{{- $_ := set . "v" (addf (index .args 0) (index .args 1)) -}}
{{- else -}}
{{- $_ := set . "v" (add (index .args 0) (index .args 1)) -}}
{{- end -}}v
{{- end -}}

{{- define "kots.Sub" -}}
{{- if include "kots.numbers" . -}}
{{- $_ := set . "v" (subf (index .args 0) (index .args 1)) -}}
{{- else -}}
{{- $_ := set . "v" (sub (index .args 0) (index .args 1)) -}}
{{- end -}}v
{{- end -}}

{{- define "kots.Mult" -}}
{{- if include "kots.numbers" . -}}
{{- $_ := set . "v" (mulf (index .args 0) (index .args 1)) -}}
{{- else -}}
{{- $_ := set . "v" (mul (index .args 0) (index .args 1)) -}}
{{- end -}}v
{{- end -}}

{{- define "kots.Div" -}}
{{- if include "kots.numbers" . -}}
{{- $_ := set . "v" (divf (index .args 0) (index .args 1)) -}}
{{- else -}}
{{- $_ := set . "v" (div (index .args 0) (index .args 1)) -}}
{{- end -}}v
{{- end -}}

{{- /*
What is drawn at random. A draw is known by where it stands (.unit), by its function, by what it was given, and by how
many of its like came before; one that was kept is taken again.
*/ -}}

{{- define "kots.draw" -}}
{{- $_ := set . "function" (first .args) -}}
{{- $_ := set . "args" (rest .args) -}}
{{- include "kots.drawn" . -}}
{{- end -}}

{{- define "kots.drawn" -}}
{{- $name := printf "%s %s %s" .unit .function (toJson .args | sha256sum | trunc 16) -}}
{{- $count := get .seen $name | default 0 | int -}}
{{- $_ := set .seen $name (add1 $count) -}}
{{- $key := printf "%s %d" $name $count -}}
{{- if hasKey .drawn $key -}}
{{- $_ := set . "v" (get .drawn $key) -}}
{{- else if hasKey .kept $key -}}
{{- $_ := set . "v" (get .kept $key) -}}
{{- else -}}
{{- $_ := include (print "draw." .function) . -}}
{{- end -}}
{{- $_ := set .drawn $key .v -}}
{{- $_ := set .units .unit true -}}
{{- if hasPrefix "gen" .function -}}
{{- if kindIs "map" .v -}}{{- $_ := set . "v" (buildCustomCert (b64enc .v.Cert) (b64enc .v.Key)) -}}{{- end -}}
{{- else if eq .function "randInt" -}}
{{- $_ := set . "v" (int .v) -}}
{{- end -}}v
{{- end -}}

{{- /* Printable characters come from a secure source; those that the class does not have are left out. */ -}}
{{- define "draw.RandomString" -}}
{{- $length := int (index .args 0) -}}
{{- $class := "[_A-Za-z0-9]" -}}
{{- if gt (len .args) 1 -}}{{- $class = index .args 1 -}}{{- end -}}
{{- $text := "" -}}
{{- if regexMatch "^(\\[.*\\]|\\\\[wdWDsS])$" $class -}}
{{- range until 64 -}}
{{- if lt (len $text) $length -}}
{{- $text = print $text (regexFindAll $class (randAscii (add 64 (mul 2 $length) | int)) -1 | join "") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set . "v" (trunc $length $text) -}}v
{{- end -}}

{{- define "draw.RandomBytes" -}}{{- $_ := set . "v" (randBytes (int (index .args 0))) -}}v{{- end -}}
{{- define "draw.randBytes" -}}{{- $_ := set . "v" (randBytes (index .args 0)) -}}v{{- end -}}
{{- define "draw.randAlphaNum" -}}{{- $_ := set . "v" (randAlphaNum (index .args 0)) -}}v{{- end -}}
{{- define "draw.randAlpha" -}}{{- $_ := set . "v" (randAlpha (index .args 0)) -}}v{{- end -}}
{{- define "draw.randNumeric" -}}{{- $_ := set . "v" (randNumeric (index .args 0)) -}}v{{- end -}}
{{- define "draw.randAscii" -}}{{- $_ := set . "v" (randAscii (index .args 0)) -}}v{{- end -}}
{{- define "draw.randInt" -}}{{- $_ := set . "v" (randInt (index .args 0) (index .args 1)) -}}v{{- end -}}
{{- define "draw.uuidv4" -}}{{- $_ := set . "v" uuidv4 -}}v{{- end -}}
{{- define "draw.shuffle" -}}{{- $_ := set . "v" (shuffle (index .args 0)) -}}v{{- end -}}
{{- define "draw.bcrypt" -}}{{- $_ := set . "v" (bcrypt (index .args 0)) -}}v{{- end -}}
{{- define "draw.htpasswd" -}}{{- $_ := set . "v" (htpasswd (index .args 0) (index .args 1)) -}}v{{- end -}}
{{- define "draw.encryptAES" -}}{{- $_ := set . "v" (encryptAES (index .args 0) (index .args 1)) -}}v{{- end -}}
{{- define "draw.genPrivateKey" -}}{{- $_ := set . "v" (genPrivateKey (index .args 0)) -}}v{{- end -}}

{{- define "draw.genCA" -}}
{{- $_ := set . "v" (genCA (index .args 0) (index .args 1)) -}}v
{{- end -}}
{{- define "draw.genCAWithKey" -}}
{{- $_ := set . "v" (genCAWithKey (index .args 0) (index .args 1) (index .args 2)) -}}v
{{- end -}}
{{- define "draw.genSelfSignedCert" -}}
{{- $a := .args -}}
{{- $_ := set . "v" (genSelfSignedCert (index $a 0) (index $a 1) (index $a 2) (index $a 3)) -}}v
{{- end -}}
{{- define "draw.genSelfSignedCertWithKey" -}}
{{- $a := .args -}}
{{- $_ := set . "v" (genSelfSignedCertWithKey (index $a 0) (index $a 1) (index $a 2) (index $a 3) (index $a 4)) -}}v
{{- end -}}
{{- define "draw.genSignedCert" -}}
{{- $a := .args -}}
{{- $_ := set . "v" (genSignedCert (index $a 0) (index $a 1) (index $a 2) (index $a 3) (index $a 4)) -}}v
{{- end -}}
{{- define "draw.genSignedCertWithKey" -}}
{{- $a := .args -}}
{{- $_ := set . "v" (genSignedCertWithKey (index $a 0) (index $a 1) (index $a 2) (index $a 3) (index $a 4) (index $a 5)) -}}v
{{- end -}}

{{- /* KOTS's own certificates are known by their names, all over the release. */ -}}

{{- define "kots.pair" -}}
{{- $unit := .unit -}}
{{- $_ := set . "unit" (print "certificate " .pair) -}}
{{- $_ := set .seen (printf "%s %s %s" .unit .function (toJson .args | sha256sum | trunc 16)) 0 -}}
{{- $_ := include "kots.drawn" . -}}
{{- $_ := set .units $unit true -}}
{{- $_ := set . "unit" $unit -}}v
{{- end -}}

{{- define "kots.selfSigned" -}}
{{- $_ := set . "pair" (printf "%s:%s" (index .args 0) (index .args 1)) -}}
{{- $_ := set .named (index .args 0) .args -}}
{{- $_ := set . "args" (rest .args) -}}
{{- $_ := set . "function" "genSelfSignedCert" -}}
{{- include "kots.pair" . -}}
{{- end -}}

{{- define "kots.TLSCert" -}}
{{- $_ := include "kots.selfSigned" . -}}
{{- $_ := set . "v" .v.Cert -}}v
{{- end -}}

{{- define "kots.TLSKey" -}}
{{- if ne (len .args) 5 -}}{{- $_ := set . "args" (get .named (index .args 0) | default list) -}}{{- end -}}
{{- if .args -}}
{{- $_ := include "kots.selfSigned" . -}}
{{- $_ := set . "v" .v.Key -}}
{{- else -}}
{{- $_ := set . "v" "" -}}
{{- end -}}v
{{- end -}}

{{- define "kots.authority" -}}
{{- if not (hasKey .authorities (index .args 0)) -}}
{{- $_ := set . "pair" (index .args 0) -}}
{{- $_ := set . "function" "genCA" -}}
{{- $_ := include "kots.pair" . -}}
{{- $_ := set .authorities (index .args 0) .v -}}
{{- end -}}
{{- $_ := set . "v" (get .authorities (index .args 0)) -}}v
{{- end -}}

{{- define "kots.TLSCACert" -}}
{{- $_ := include "kots.authority" . -}}
{{- $_ := set . "v" .v.Cert -}}v
{{- end -}}

{{- define "kots.signed" -}}
{{- $a := .args -}}
{{- $_ := set . "args" (list (index $a 0) (index $a 5)) -}}
{{- $_ := include "kots.authority" . -}}
{{- $authority := .v -}}
{{- $_ := set . "pair" (printf "%s:%s:%s" (index $a 0) (index $a 1) (index $a 2)) -}}
{{- $_ := set . "function" "genSignedCert" -}}
{{- $_ := set . "args" (list (index $a 2) (index $a 3) (index $a 4) (index $a 5) $authority) -}}
{{- include "kots.pair" . -}}
{{- end -}}

{{- define "kots.TLSCertFromCA" -}}
{{- $_ := include "kots.signed" . -}}
{{- $_ := set . "v" .v.Cert -}}v
{{- end -}}

{{- define "kots.TLSKeyFromCA" -}}
{{- $_ := include "kots.signed" . -}}
{{- $_ := set . "v" .v.Key -}}v
{{- end -}}
