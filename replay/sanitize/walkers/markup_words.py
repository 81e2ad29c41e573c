"""What HTML and XML may say as it is: tags, attributes, and the words of each attribute."""

from __future__ import annotations

from replay.routes import word_set

MEASURES = word_set(
    """
    rows cols size maxlength minlength min max step width height tabindex colspan rowspan border sizes span
    """
)
MEASURED_TAGS = word_set(
    """
    input textarea select img iframe video canvas table td th tr col colgroup embed object source meter progress
    svg rect image hr font a button div body pre ul ol li p form label nav
    """
)
"""HTML's own tags of which no XML is likely to make a record's: a person's height is no measure."""
WORDS: dict[str, frozenset[str]] = {
    name: word_set(values)
    for name, values in {
        "type": (
            "text hidden password submit button checkbox radio email tel url search number date datetime-local month "
            "week time range color file image reset module importmap speculationrules a i 1 circle disc square"
        ),
        "rel": (
            "stylesheet icon shortcut apple-touch-icon manifest canonical alternate preload prefetch preconnect "
            "dns-prefetch modulepreload next prev noopener noreferrer nofollow license author help search tag "
            "bookmark external home up first last self edit related"
        ),
        "method": "get post dialog",
        "enctype": "",
        "charset": "utf-8 utf8 iso-8859-1",
        "http-equiv": "content-type refresh x-ua-compatible content-language content-security-policy default-style",
        "dir": "ltr rtl auto",
        "role": (
            "alert alertdialog application article banner button cell checkbox columnheader combobox complementary "
            "contentinfo dialog document feed figure form grid gridcell group heading img link list listbox listitem "
            "log main marquee math menu menubar menuitem menuitemcheckbox menuitemradio meter navigation none note "
            "option presentation progressbar radio radiogroup region row rowgroup rowheader scrollbar search "
            "searchbox separator slider spinbutton status switch tab table tablist tabpanel term textbox timer "
            "toolbar tooltip tree treegrid treeitem"
        ),
        "target": "_blank _self _parent _top",
        "loading": "lazy eager",
        "decoding": "sync async auto",
        "crossorigin": "anonymous use-credentials",
        "autocomplete": (
            "on off name email username new-password current-password one-time-code tel url organization "
            "street-address address-line1 address-line2 country country-name postal-code cc-name cc-number cc-csc "
            "cc-exp"
        ),
        "scope": "row col rowgroup colgroup",
        "media": "all screen print",
        "sizes": "any",
        "as": "audio document embed fetch font image object script style track video worker",
        "fetchpriority": "high low auto",
        "referrerpolicy": (
            "no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin strict-origin "
            "strict-origin-when-cross-origin unsafe-url"
        ),
        "inputmode": "none text decimal numeric tel search email url",
        "wrap": "hard soft off",
        "kind": "subtitles captions descriptions chapters metadata",
        "preload": "none metadata auto",
        "version": "1.0 1.1 1.2 2.0",
        "encoding": "utf-8",
        "standalone": "yes no",
        "shape": "rect circle poly default",
    }.items()
}
"""The words that an attribute may say, by attribute; whatever else it says is data."""
XML_NAMESPACES = (
    "http://www.w3.org/1999/xhtml",
    "http://www.w3.org/2000/svg",
    "http://www.w3.org/1999/xlink",
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2001/XMLSchema-instance",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://www.w3.org/2005/Atom",
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://schemas.xmlsoap.org/soap/encoding/",
    "http://www.sitemaps.org/schemas/sitemap/0.9",
)
"""Names of vocabularies, which are kept; any other is mapped like every URL."""
KEPT_VALUES: frozenset[str] = frozenset().union(*WORDS.values())
TAGS = word_set(
    """
    a abbr address area article aside audio b base bdi bdo blockquote body br button canvas caption center cite
    code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure font
    footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label
    legend li link main map mark marquee menu meta meter nav nobr noscript object ol optgroup option output p
    param picture portal pre progress q rp rt ruby s samp script search section select slot small source span
    strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt
    u ul var video wbr circle clippath defs ellipse fegaussianblur filter foreignobject g image line
    lineargradient mask path pattern polygon polyline radialgradient rect stop symbol text textpath tspan use view
    envelope fault body header soap soapenv xml rss channel item urlset url loc lastmod changefreq priority feed
    entry
    """
)
ATTRIBUTES = word_set(
    """
    abbr accept accept-charset accesskey action align alt async autofocus autoplay bgcolor border cellpadding
    cellspacing checked class color cols colspan content contenteditable controls coords datetime default defer
    disabled download draggable enctype face for form formaction headers height hidden high href hreflang
    http-equiv id integrity ismap itemid itemprop itemref itemscope itemtype lang language list loop low max
    maxlength media method min minlength multiple muted name nonce novalidate nowrap onclick onload open optimum
    pattern ping placeholder playsinline poster preload property radiogroup readonly rel required reversed rev
    rows rowspan sandbox scope selected shape size sizes slot span spellcheck src srcdoc srclang srcset start step
    style summary tabindex target title translate type usemap valign value width wrap xmlns viewbox fill stroke
    stroke-width d x y cx cy r rx ry x1 x2 y1 y2 points transform xlink:href xml:lang xml:space aria-label
    aria-hidden aria-expanded aria-controls aria-labelledby aria-describedby aria-current aria-haspopup aria-live
    role data-id data-url data-value
    """
)
