module lanyard/interop/go-verify

go 1.19
